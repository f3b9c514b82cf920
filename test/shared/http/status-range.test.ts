import { describe, expect, it } from "vitest";
import { statusMatcher } from "../../../shared/http/status-range.ts";

describe("statusMatcher", () => {
  it("knows single statuses and classes", () => {
    const matches = statusMatcher(["5xx", "429"]);
    expect([500, 503, 599, 429].every(matches)).toBe(true);
    expect([200, 428, 430, 499, 600, 50].some(matches)).toBe(false);
  });

  it("matches nothing without ranges", () => {
    const matches = statusMatcher([]);
    expect([0, 200, 500].some(matches)).toBe(false);
  });
});
