import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairShare } from "../../../relay/limits/fair-share.ts";
import { Pacer } from "../../../relay/limits/pacer.ts";
import { PACING_LIMITS } from "../../../shared/limits.ts";
import { FakePacing } from "./fake-pacing.ts";

const MB = 1_000_000;

/** A stream that always has more to read, `chunk` bytes at a time. */
function greedy(shares: readonly FairShare[], chunk: number) {
  const stream = { moved: 0, pacer: new Pacer(shares, () => read()) };
  const read = (): void => {
    do stream.moved += chunk;
    while (stream.pacer.spend(chunk));
  };
  if (stream.pacer.ask()) read();
  return stream;
}

describe("FairShare", () => {
  it("keeps a rate within 5 % over 2 s, the burst included", () => {
    const clock = new FakePacing();
    const stream = greedy([new FairShare(MB, clock)], 4_096);
    clock.advance(2_000);
    expect(stream.moved / (2 * MB)).toBeGreaterThan(0.98);
    expect(stream.moved / (2 * MB)).toBeLessThan(1.05);
  });

  it("gives streams equal parts, however much each reads at a time", () => {
    const clock = new FakePacing();
    const share = new FairShare(10 * MB, clock);
    const streams = [1_000, 4_096, 65_536, 262_144].map((chunk) => greedy([share], chunk));
    clock.advance(10_000);
    for (const { moved } of streams) {
      expect(moved / (25 * MB)).toBeGreaterThan(0.97);
      expect(moved / (25 * MB)).toBeLessThan(1.04);
    }
  });

  it("holds for any number of streams of any appetite", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 100 * MB }),
        fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 20 }),
        (rate, chunks) => {
          const clock = new FakePacing();
          const share = new FairShare(rate, clock);
          const streams = chunks.map((chunk) => greedy([share], Math.max(chunk, rate / 10_000)));
          clock.advance(1_000);
          const moved = streams.reduce((sum, stream) => sum + stream.moved, 0);
          const reads = chunks.reduce((sum, chunk) => sum + Math.max(chunk, rate / 10_000), 0);
          expect(moved).toBeLessThanOrEqual(rate * (1 + PACING_LIMITS.BURST_MS / 1_000) + reads + 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("lets a stream that wants little pass between those that want everything", () => {
    const clock = new FakePacing();
    const share = new FairShare(MB, clock);
    const bulk = [greedy([share], 65_536), greedy([share], 65_536)];
    clock.advance(1_000);
    let turnAt: number | undefined;
    const small = new Pacer([share], () => {
      turnAt = clock.now();
    });
    expect(small.ask()).toBe(false);
    clock.advance(100);
    expect(turnAt).toBeLessThanOrEqual(1_000 + 2 * PACING_LIMITS.TICK_MS);
    expect(bulk.every(({ moved }) => moved > 0)).toBe(true);
  });

  it("sets no timer while nobody waits, and one however many do", () => {
    const clock = new FakePacing();
    const share = new FairShare(MB, clock);
    const lane = share.lane(() => undefined);
    expect(lane.ask()).toBe(true);
    expect(clock.scheduled).toBe(0);
    for (let count = 0; count < 50; count++) greedy([share], 65_536);
    expect(clock.pending).toBe(1);
  });

  it("does not forget what a stream owed when it left", () => {
    const clock = new FakePacing();
    const share = new FairShare(MB, clock);
    let moved = 0;
    for (let count = 0; count < 2_000; count++) {
      const lane = share.lane(() => undefined);
      if (lane.ask()) {
        moved += 65_536;
        lane.spend(65_536);
      }
      lane.leave();
      clock.advance(1);
    }
    expect(moved).toBeLessThanOrEqual(2.05 * MB + 65_536);
  });

  it("keeps nobody waiting who has left", () => {
    const clock = new FakePacing();
    const share = new FairShare(1_000, clock);
    const stream = greedy([share], 65_536);
    const { moved } = stream;
    stream.pacer.leave();
    clock.advance(3_600_000);
    expect(stream.moved).toBe(moved);
    expect(clock.pending).toBe(0);
  });
});

describe("Pacer", () => {
  it("goes by the lowest of several rates, and leaves the rest of the others to others", () => {
    const clock = new FakePacing();
    const [wide, narrow] = [new FairShare(4 * MB, clock), new FairShare(MB, clock)];
    const both = greedy([wide, narrow], 4_096);
    const free = greedy([wide], 4_096);
    clock.advance(4_000);
    expect(both.moved / (4 * MB)).toBeGreaterThan(0.95);
    expect(both.moved / (4 * MB)).toBeLessThan(1.05);
    expect(free.moved / (12 * MB)).toBeGreaterThan(0.95);
    expect(free.moved / (12 * MB)).toBeLessThan(1.05);
  });
});
