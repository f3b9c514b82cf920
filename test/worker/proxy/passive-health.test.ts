import { describe, expect, it } from "vitest";
import { newUpstreamState, PassiveHealth, type UpstreamState } from "../../../worker/proxy/passive-health.ts";

const RULES = { max_failures: 3, window: 30_000, cooldown: 10_000, statuses: ["503"] };

function setUp(rules: Partial<typeof RULES> = {}): { health: PassiveHealth; state: UpstreamState } {
  return { health: new PassiveHealth({ ...RULES, ...rules }, 5_000), state: newUpstreamState() };
}

/** Fails as often as it takes, the last time at `now`. */
function takeOut(health: PassiveHealth, state: UpstreamState, now: number): void {
  for (let n = 0; n < 3; n++) health.report(state, "failed", now);
}

describe("PassiveHealth", () => {
  it("takes an upstream out with the last failure of a window, and not before", () => {
    const { health, state } = setUp();
    health.report(state, "failed", 0);
    health.report(state, "failed", 1_000);
    expect(health.isOut(state, 1_000)).toBe(false);
    health.report(state, "failed", 2_000);
    expect(health.isOut(state, 2_000)).toBe(true);
    expect(health.isOut(state, 11_999)).toBe(true);
    expect(health.isOut(state, 12_000)).toBe(false);
  });

  it("forgets failures that are older than the window", () => {
    const { health, state } = setUp();
    for (const now of [0, 1_000, 31_000, 45_000, 62_000]) health.report(state, "failed", now);
    expect(health.isOut(state, 62_000)).toBe(false);
    expect(state.failures.length).toBeLessThan(3);
  });

  it("counts replies of the named statuses, and no others", () => {
    const { health, state } = setUp();
    for (const status of [503, 500, 502, 404, 503]) health.report(state, status, 0);
    expect(health.isOut(state, 0)).toBe(false);
    health.report(state, 503, 0);
    expect(health.isOut(state, 0)).toBe(true);
  });

  it("lets a single trial through after the pause", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    expect(health.isOut(state, 10_000)).toBe(false);
    health.begin(state, 10_000);
    expect(health.isOut(state, 10_000)).toBe(true);
  });

  it("brings it back when the trial passes, with nothing held against it", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    health.begin(state, 10_000);
    health.report(state, 200, 10_100);
    expect(health.isOut(state, 10_100)).toBe(false);
    health.report(state, "failed", 10_200);
    expect(health.isOut(state, 10_200)).toBe(false);
  });

  it("keeps it out for another pause when the trial fails", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    health.begin(state, 10_000);
    health.report(state, "failed", 12_000);
    expect(health.isOut(state, 21_999)).toBe(true);
    expect(health.isOut(state, 22_000)).toBe(false);
  });

  it("believes the trial only: requests that were under way say nothing new", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    health.report(state, 200, 500);
    expect(health.isOut(state, 500)).toBe(true);
    health.report(state, "failed", 9_000);
    expect(health.isOut(state, 10_000)).toBe(false);
  });

  it("makes another trial at once when one has shown nothing", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    health.report(state, "unknown", 500);
    expect(health.isOut(state, 9_999)).toBe(true);
    health.begin(state, 10_000);
    health.report(state, "unknown", 10_100);
    expect(health.isOut(state, 10_100)).toBe(false);
    expect(health.begin(state, 10_100)).toBe(true);
    health.report(state, 200, 10_200);
    expect(health.begin(state, 10_200)).toBe(false);
  });

  it("makes another trial when one is never heard of again", () => {
    const { health, state } = setUp();
    takeOut(health, state, 0);
    health.begin(state, 10_000);
    expect(health.isOut(state, 14_999)).toBe(true);
    expect(health.isOut(state, 15_000)).toBe(false);
  });

  it("never takes one out with max_failures = 0", () => {
    const { health, state } = setUp({ max_failures: 0 });
    for (let n = 0; n < 100; n++) health.report(state, "failed", n);
    expect(health.isOut(state, 100)).toBe(false);
    expect(state.failures).toEqual([]);
  });
});
