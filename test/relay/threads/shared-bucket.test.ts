import { describe, expect, it } from "vitest";
import { FairShare, type Lane } from "../../../relay/limits/fair-share.ts";
import { SharedBucket } from "../../../relay/threads/shared-bucket.ts";
import { SharedMemory } from "../../../relay/threads/shared-memory.ts";
import { PACING_LIMITS } from "../../../shared/limits.ts";

const MB = 1_000_000;
/** A machine has been up for a while. */
const START = 50_000_000;

/** A rate that threads share, each with timers of its own that do not fire together. */
class Threads {
  now = START;
  readonly shares: FairShare[] = [];
  readonly #ticks: { at: number; tick: () => void }[] = [];

  constructor(threads: number, rate: number) {
    const memory = SharedMemory.allocate(threads, 4);
    for (let self = 0; self < threads; self++) {
      const clock = {
        now: () => this.now,
        schedule: (ms: number, tick: () => void) =>
          void this.#ticks.push({ at: this.now + ms + self * 3, tick }),
      };
      const bucket = new SharedBucket({
        rate,
        now: this.now,
        cells: memory.longs,
        at: () => memory.accountField(1, "up"),
        waiting: () => memory.accountCount(1, "up", self),
      });
      this.shares.push(new FairShare(rate, clock, bucket));
    }
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#ticks.sort((a, b) => a.at - b.at);
      const next = this.#ticks[0];
      if (next === undefined || next.at > end) break;
      this.#ticks.shift();
      this.now = Math.max(this.now, next.at);
      next.tick();
    }
    this.now = end;
  }
}

/** A stream that moves as much as it may, in reads of 16 KB; what it has moved. */
function greedy(share: FairShare): { moved: number } {
  const stream = { moved: 0 };
  let lane: Lane | undefined;
  const go = (): void => {
    while (lane?.ask()) {
      stream.moved += 16_384;
      if (!lane.spend(16_384)) return;
    }
  };
  lane = share.lane(go);
  go();
  return stream;
}

function sum(streams: readonly { moved: number }[]): number {
  return streams.reduce((total, { moved }) => total + moved, 0);
}

describe("SharedBucket", () => {
  it("holds one rate over all threads, whatever they do", () => {
    const threads = new Threads(3, 10 * MB);
    const streams = threads.shares.flatMap((share, index) =>
      Array.from({ length: index + 1 }, () => greedy(share)),
    );
    threads.run(2_000);
    const burst = (10 * MB * PACING_LIMITS.BURST_MS) / 1_000;
    expect(sum(streams)).toBeGreaterThan(0.95 * 20 * MB);
    expect(sum(streams)).toBeLessThan(1.03 * 20 * MB + burst);
  });

  it("gives each stream the same, however many are in its thread", () => {
    const threads = new Threads(2, 10 * MB);
    const streams = [1, 1, 1, 0].map((thread) => greedy(threads.shares[thread] as FairShare));
    threads.run(3_000);
    const mean = sum(streams) / streams.length;
    for (const { moved } of streams) expect(Math.abs(moved / mean - 1)).toBeLessThan(0.1);
  });

  it("gives all of it to the streams of one thread when the others have none", () => {
    const threads = new Threads(2, 10 * MB);
    const stream = greedy(threads.shares[1] as FairShare);
    threads.run(2_000);
    expect(stream.moved).toBeGreaterThan(0.95 * 20 * MB);
  });

  it("grants a burst after a pause, and no more", () => {
    const threads = new Threads(2, 10 * MB);
    threads.run(60_000);
    const lane = threads.shares[0]?.lane(() => undefined);
    let moved = 0;
    while (lane?.ask()) {
      moved += 1_000;
      lane.spend(1_000);
    }
    expect(moved).toBeGreaterThan(0.9 * 500_000);
    expect(moved).toBeLessThan(1.1 * 500_000);
  });

  it("gets back what a stream did not use", () => {
    const threads = new Threads(2, 10 * MB);
    const [one, other] = threads.shares;
    const unused = one?.lane(() => undefined);
    unused?.ask();
    unused?.leave();
    const lane = other?.lane(() => undefined);
    let moved = 0;
    while (lane?.ask()) {
      moved += 1_000;
      lane.spend(1_000);
    }
    expect(moved).toBeGreaterThanOrEqual(500_000);
  });
});
