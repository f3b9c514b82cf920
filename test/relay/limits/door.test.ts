import { describe, expect, it } from "vitest";
import { Door } from "../../../relay/limits/door.ts";

describe("Door", () => {
  it("denies ranges of both families, also in their mapped spelling", () => {
    const door = new Door({ deny: ["192.0.2.0/24", "2001:db8::/32"] });
    expect(door.denies("192.0.2.9")).toBe(true);
    expect(door.denies("::ffff:192.0.2.9")).toBe(true);
    expect(door.denies("2001:db8:1::1")).toBe(true);
    expect(door.denies("192.0.3.9")).toBe(false);
    expect(new Door({ deny: [] }).denies("192.0.2.9")).toBe(false);
  });

  it("takes so many arrivals per window, and without a rate any number", () => {
    const door = new Door({ deny: [], acceptRate: { count: 3, windowMs: 1_000 } });
    expect([0, 1, 2, 3].map((now) => door.takesAnother(now))).toEqual([true, true, true, false]);
    expect(door.takesAnother(2_500)).toBe(true);
    const open = new Door({ deny: [] });
    expect(Array.from({ length: 1_000 }, () => open.takesAnother(0)).every(Boolean)).toBe(true);
  });

  it("counts arrivals by address, and an IPv6 network as one", () => {
    const door = new Door({ deny: [], clientAcceptRate: { count: 1, windowMs: 1_000 } });
    expect(door.takesAnotherOf("192.0.2.1", 0)).toBe(true);
    expect(door.takesAnotherOf("192.0.2.1", 0)).toBe(false);
    expect(door.takesAnotherOf("192.0.2.2", 0)).toBe(true);
    expect(door.takesAnotherOf("2001:db8::1", 0)).toBe(true);
    expect(door.takesAnotherOf("2001:db8::2", 0)).toBe(false);
    expect(door.takesAnotherOf("2001:db8:0:1::2", 0)).toBe(true);
  });

  it("leaves the arrivals of all to others when one address comes too often", () => {
    const rate = (count: number) => ({ count, windowMs: 1_000 });
    const door = new Door({ deny: [], acceptRate: rate(5), clientAcceptRate: rate(2) });
    const arrives = (address: string) => door.takesAnother(0) && door.takesAnotherOf(address, 0);
    for (let times = 0; times < 100; times++) arrives("192.0.2.1");
    expect(["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"].map(arrives)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("goes on counting where the one before it stood", () => {
    const rate = { count: 1, windowMs: 1_000 };
    const options = { deny: [], acceptRate: rate, clientAcceptRate: rate };
    const before = new Door(options);
    expect([before.takesAnother(0), before.takesAnotherOf("192.0.2.1", 0)]).toEqual([true, true]);
    const after = new Door(options, before);
    expect([after.takesAnother(0), after.takesAnotherOf("192.0.2.1", 0)]).toEqual([false, false]);
  });
});
