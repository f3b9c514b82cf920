import { describe, expect, it } from "vitest";
import { Reservations } from "../../../worker/cache/reservations.ts";

describe("Reservations", () => {
  it("has room up to its bound, and again for what was given back", () => {
    const reservations = new Reservations(10, 1_000);
    const giveBack = reservations.take(6, 0);
    expect(giveBack).toBeDefined();
    expect(reservations.take(5, 0)).toBeUndefined();
    expect(reservations.take(4, 0)).toBeDefined();
    giveBack?.();
    giveBack?.();
    expect(reservations.take(6, 0)).toBeDefined();
  });

  it("forgets what was never given back", () => {
    const reservations = new Reservations(10, 1_000);
    reservations.take(10, 0);
    expect(reservations.take(10, 999)).toBeUndefined();
    expect(reservations.take(10, 1_000)).toBeDefined();
  });
});
