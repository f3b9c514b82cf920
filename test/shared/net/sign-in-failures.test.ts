import { describe, expect, it } from "vitest";
import { SignInFailures } from "../../../shared/net/sign-in-failures.ts";

const LIMITS = { free: 3, waitMinMs: 1_000, waitMaxMs: 8_000, forgetMs: 60_000, clientsMax: 100 };

describe("SignInFailures", () => {
  it("lets the first failures pass, then doubles the wait up to its bound", () => {
    const failures = new SignInFailures(LIMITS);
    const waits = Array.from({ length: 9 }, () => {
      failures.record("192.0.2.1", 0);
      return failures.waitMs("192.0.2.1", 0);
    });
    expect(waits).toEqual([0, 0, 0, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it("holds nothing against other clients", () => {
    const failures = new SignInFailures(LIMITS);
    for (let i = 0; i < 9; i++) failures.record("192.0.2.1", 0);
    expect(failures.waitMs("192.0.2.2", 0)).toBe(0);
  });

  it("counts the wait down, and forgets in time", () => {
    const failures = new SignInFailures(LIMITS);
    for (let i = 0; i < 4; i++) failures.record("a", 0);
    expect(failures.waitMs("a", 400)).toBe(600);
    expect(failures.waitMs("a", 1_000)).toBe(0);
    failures.record("a", 70_000);
    expect(failures.waitMs("a", 70_000)).toBe(0);
  });

  it("makes nobody wait longer where the clock goes back", () => {
    const failures = new SignInFailures(LIMITS);
    for (let i = 0; i < 4; i++) failures.record("a", 3_600_000);
    expect(failures.waitMs("a", 0)).toBe(1_000);
    expect(failures.waitMs("a", 1_000)).toBe(0);
  });
});
