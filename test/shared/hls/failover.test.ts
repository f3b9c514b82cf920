import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlocks } from "../../../shared/hls/blocks.ts";
import { Failover, type SourcePlan } from "../../../shared/hls/failover.ts";
import { type Entry, entryOf, headOf, type Numbering, renumber } from "../../../shared/hls/renumber.ts";
import type { Trial } from "../../../shared/hls/source-health.ts";
import { FAILOVER_LIMITS as LIMITS } from "../../../shared/limits.ts";

const PLAN: SourcePlan = { epoch: 1, name: "two", count: 2, failbackMs: 60_000 };
const T0 = 1_000_000_000;
const ENTRY: Entry = { from: 50, discontinuity: 0, first: 48, last: 53 };

function trial(last: number, more: Partial<Trial> = {}): Trial {
  return { source: 0, ok: true, track: "stream", last, live: true, patienceMs: 18_000, ...more };
}

/** Tries the first source every ten seconds; the time at which it is back in use. */
function recover(failover: Failover, from: number): number {
  for (let now = from; now < from + 10_000_000; now += 10_000) {
    failover.judge(trial(now / 1_000), now);
    if (failover.use.source === 0) return now - from;
  }
  return Number.NaN;
}

describe("Failover", () => {
  it("switches once per fault, however many report it", () => {
    const failover = new Failover(PLAN);
    for (let n = 0; n < 5; n++) failover.fail(0, T0 + n);
    expect(failover.use).toEqual({ source: 1, generation: 1 });
  });

  it("stays where it is while every other source has failed a moment ago, and goes round then", () => {
    const failover = new Failover(PLAN);
    failover.fail(0, T0);
    expect(failover.fail(1, T0 + 10)).toBe(false);
    expect(failover.fail(1, T0 + LIMITS.RETRY_MS)).toBe(true);
    expect(failover.use).toEqual({ source: 0, generation: 2 });
  });

  it("prefers the first source that has not failed lately", () => {
    const failover = new Failover({ ...PLAN, count: 3 });
    failover.fail(0, T0);
    failover.fail(1, T0 + 5_000);
    expect(failover.use.source).toBe(2);
    failover.fail(2, T0 + LIMITS.REST_MS);
    expect(failover.use.source).toBe(0);
  });

  it("begins right behind what viewers have seen, with the next discontinuity", () => {
    const failover = new Failover(PLAN);
    failover.see("stream", { segment: 10, discontinuity: 2 });
    failover.see("stream", { segment: 9, discontinuity: 0 });
    failover.fail(0, T0);
    expect(failover.enter("stream", 1, ENTRY)).toEqual({ from: 50, offset: -39, discontinuity: 3 });
    expect(failover.enter("stream", 1, { ...ENTRY, from: 52 })).toEqual({
      from: 50,
      offset: -39,
      discontinuity: 3,
    });
    expect(failover.enter("stream", 0, ENTRY)).toBeUndefined();
  });

  it("gives variants that count alike the same numbers, others their own", () => {
    const failover = new Failover(PLAN);
    failover.see("low", { segment: 10, discontinuity: 0 });
    failover.see("high", { segment: 10, discontinuity: 0 });
    failover.see("audio", { segment: 700, discontinuity: 0 });
    failover.fail(0, T0);
    const low = failover.enter("low", 1, ENTRY);
    expect(failover.enter("high", 1, { ...ENTRY, from: 51 })).toEqual(low);
    const audio = { from: 9_000, discontinuity: 0, first: 8_990, last: 9_010 };
    expect(failover.enter("audio", 1, audio)).toEqual({ from: 9_000, offset: -8_299, discontinuity: 1 });
  });

  it("goes on as before when the source comes back and nothing else was shown", () => {
    const failover = new Failover(PLAN);
    failover.see("stream", { segment: 10, discontinuity: 0 });
    failover.fail(0, T0);
    failover.fail(1, T0 + LIMITS.RETRY_MS);
    const entry = { from: 9, discontinuity: 0, first: 6, last: 11 };
    expect(failover.enter("stream", 2, entry)).toMatchObject({ offset: 0, discontinuity: 0 });
  });

  it("begins anew with a source that counts from the beginning again", () => {
    const failover = new Failover(PLAN);
    failover.see("stream", { segment: 100, discontinuity: 0 });
    failover.fail(0, T0);
    failover.fail(1, T0 + LIMITS.RETRY_MS);
    const entry = { from: 3, discontinuity: 0, first: 0, last: 5 };
    expect(failover.enter("stream", 2, entry)).toEqual({ from: 3, offset: 98, discontinuity: 1 });
  });

  it("is back at the preferred source after a healthy time, twice as long if it relapses", () => {
    const failover = new Failover(PLAN);
    failover.fail(0, T0);
    const first = recover(failover, T0 + 1_000);
    expect(first).toBeGreaterThanOrEqual(PLAN.failbackMs);
    expect(first).toBeLessThan(PLAN.failbackMs + 20_000);
    failover.fail(failover.use.generation, T0 + 100_000);
    expect(recover(failover, T0 + 101_000)).toBeGreaterThanOrEqual(2 * PLAN.failbackMs);
  });

  it("does not go back to a source whose playlist stands still, or that fails in between", () => {
    const failover = new Failover(PLAN);
    failover.fail(0, T0);
    for (let n = 0; n < 100; n++) failover.judge(trial(5), T0 + n * 10_000);
    expect(failover.use.source).toBe(1);
    for (let n = 100; n < 200; n++) failover.judge(trial(n, { ok: n % 5 !== 0 }), T0 + n * 10_000);
    expect(failover.use.source).toBe(1);
    for (let n = 200; n < 220; n++) failover.judge(trial(5, { live: false }), T0 + n * 10_000);
    expect(failover.use.source).toBe(0);
  });

  it("tries and changes sources all the same after the clock went back", () => {
    const failover = new Failover(PLAN);
    failover.fail(0, T0);
    failover.takeTrial(T0);
    const before = T0 - 3_600_000;
    expect(failover.takeTrial(before)).toBe(0);
    expect(failover.fail(1, before)).toBe(true);
    expect(failover.use).toEqual({ source: 0, generation: 2 });
  });

  it("has a preferred source tried by one at a time", () => {
    const failover = new Failover(PLAN);
    expect(failover.takeTrial(T0)).toBeUndefined();
    failover.fail(0, T0);
    expect([failover.takeTrial(T0), failover.takeTrial(T0 + 1)]).toEqual([0, undefined]);
    expect(failover.takeTrial(T0 + LIMITS.TRIAL_MS)).toBe(0);
  });

  it("goes by a newer configuration only, in the viewers' numbers", () => {
    const failover = new Failover(PLAN);
    failover.see("stream", { segment: 10, discontinuity: 0 });
    failover.fail(0, T0);
    expect(failover.adopt({ ...PLAN, epoch: 2, failbackMs: 1 })).toBe(true);
    expect(failover.use).toEqual({ source: 1, generation: 1 });
    failover.adopt({ ...PLAN, epoch: 3, name: "other" });
    expect(failover.use).toEqual({ source: 0, generation: 2 });
    expect(failover.adopt({ ...PLAN, epoch: 2 })).toBe(false);
    expect(failover.fits(PLAN)).toBe(false);
    expect(failover.enter("stream", 2, ENTRY)?.offset).toBe(-39);
  });

  it("keeps the first pin of the source in use until it is unpinned", () => {
    const failover = new Failover(PLAN);
    expect([failover.pin("stream", 0, "a"), failover.pin("stream", 0, "b")]).toEqual([true, false]);
    expect(failover.pins()).toEqual([{ track: "stream", sealed: "a" }]);
    failover.unpin("stream", "a");
    failover.pin("stream", 0, "b");
    expect(failover.pins()).toEqual([{ track: "stream", sealed: "b" }]);
    failover.fail(0, T0);
    expect(failover.pins()).toEqual([]);
  });

  it("keeps the tracks that were used last", () => {
    const failover = new Failover(PLAN);
    for (let n = 0; n < 3 * LIMITS.TRACKS_MAX; n++) failover.see(`${n}`, { segment: n, discontinuity: 0 });
    expect(failover.record.tracks).toHaveLength(LIMITS.TRACKS_MAX);
  });
});

/** A source's playlist at a time: numbers of its own, sometimes a discontinuity. */
function playlistOf(source: number, now: number): string {
  const last = Math.floor(now / 1_000) * (source + 1) + source * 777;
  const first = Math.max(0, last - 4 - source);
  const count = Math.floor(first / 7);
  const lines = Array.from({ length: last - first + 1 }, (_, index) => {
    const breaks = (first + index) % 7 === 0 && index > 0;
    return `${breaks ? "#EXT-X-DISCONTINUITY\n" : ""}#EXTINF:1,\n${source}-${first + index}.ts\n`;
  });
  return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:${first}\n#EXT-X-DISCONTINUITY-SEQUENCE:${count}\n${lines.join("")}`;
}

describe("a channel's sequence", () => {
  it("never goes back, in any order of loads, faults, late reports, recoveries and restarts", () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.constant("load" as const) },
      fc.constant("fail" as const),
      fc.constant("late" as const),
      fc.constant("judge" as const),
      fc.constant("restart" as const),
      fc.constant("push" as const),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(event, fc.integer({ min: 100, max: 4_000 })), { maxLength: 80 }),
        (events) => {
          let failover = new Failover({ ...PLAN, count: 3, failbackMs: 1_000 });
          let epoch = 1;
          let now = 100_000;
          let before = { first: 0, last: 0, discontinuity: 0, names: new Map<number, string>() };
          for (const [kind, ms] of events) {
            now += ms;
            const { generation, source } = failover.use;
            if (kind === "fail") failover.fail(generation, now);
            else if (kind === "late") failover.fail(generation - 1, now);
            else if (kind === "judge") failover.judge(trial(now, { patienceMs: 3_000 }), now);
            else if (kind === "push")
              failover.adopt({ ...PLAN, epoch: ++epoch, name: `n${epoch}`, count: 3 });
            else if (kind === "restart")
              failover = new Failover(PLAN, JSON.parse(JSON.stringify(failover.record)));
            else {
              const blocks = readBlocks(playlistOf(source, now));
              if (!blocks) throw new Error("unreadable");
              const known = failover.numberings().find(({ track }) => track === "stream")?.numbering;
              const numbering: Numbering | undefined =
                generation === 0
                  ? undefined
                  : (known ?? failover.enter("stream", generation, entryOf(blocks)));
              const out = readBlocks(numbering ? renumber(blocks, numbering) : playlistOf(source, now));
              if (!out) throw new Error("unreadable");
              const head = headOf(blocks, numbering);
              expect(out.first).toBeGreaterThanOrEqual(before.first);
              expect(out.last).toBeGreaterThanOrEqual(before.last);
              expect(head.discontinuity).toBeGreaterThanOrEqual(before.discontinuity);
              // A number once given to a segment stays that segment's.
              const names = new Map(before.names);
              for (const [index, block] of out.blocks.entries()) {
                const name = block.lines.at(-1)?.text ?? "";
                expect(names.get(out.first + index) ?? name).toBe(name);
                names.set(out.first + index, name);
              }
              failover.see("stream", head);
              before = { first: out.first, last: out.last, discontinuity: head.discontinuity, names };
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
