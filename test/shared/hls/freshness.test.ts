import { describe, expect, it } from "vitest";
import { availableMs, playlistLifetime, segmentFreshMs } from "../../../shared/hls/freshness.ts";

const NOW = Date.UTC(2026, 0, 2);
const fresh = (headers: Record<string, string>) => segmentFreshMs(new Headers(headers), NOW);

describe("playlistLifetime", () => {
  it("is half a target duration fresh and 1.5 stale", () => {
    const live = { kind: "media", ended: false, targetDurationMs: 6_000 } as const;
    expect(playlistLifetime(live)).toEqual({ freshMs: 3_000, staleMs: 9_000 });
  });

  it("has bounds for absurd and missing target durations", () => {
    const live = (targetDurationMs: number | undefined) =>
      playlistLifetime({ kind: "media", ended: false, targetDurationMs });
    expect(live(undefined).freshMs).toBe(3_000);
    expect(live(10).freshMs).toBe(250);
    expect(live(600_000).freshMs).toBe(10_000);
  });

  it("is six target durations fresh where a blocking reload was answered", () => {
    const live = { kind: "media", ended: false, targetDurationMs: 2_000 } as const;
    expect(playlistLifetime(live, true)).toEqual({ freshMs: 12_000, staleMs: 12_000 });
    expect(playlistLifetime({ ...live, targetDurationMs: 600_000 }, true).freshMs).toBe(120_000);
    expect(playlistLifetime({ ...live, ended: true }, true).freshMs).toBe(60_000);
  });

  it("is longer for what does not run ahead", () => {
    const master = { kind: "master", ended: false, targetDurationMs: undefined } as const;
    expect(playlistLifetime(master).freshMs).toBe(10_000);
    expect(playlistLifetime({ kind: "media", ended: true, targetDurationMs: 6_000 }).freshMs).toBe(60_000);
  });
});

describe("segmentFreshMs", () => {
  it.each([
    ["nothing", {}, 60_000],
    ["max-age", { "cache-control": "public, max-age=300" }, 300_000],
    ["s-maxage before max-age", { "cache-control": "max-age=300, S-MaxAge=30" }, 30_000],
    ["a quoted value", { "cache-control": 'max-age="7"' }, 7_000],
    ["max-age less Age", { "cache-control": "max-age=300", age: "100" }, 200_000],
    ["used-up max-age", { "cache-control": "max-age=10", age: "100" }, 0],
    ["no-store", { "cache-control": "no-store, max-age=300" }, 0],
    ["private", { "cache-control": "private" }, 0],
    ["no-cache", { "cache-control": "no-cache" }, 0],
    ["Vary: *", { vary: "*" }, 0],
    ["Expires", { expires: new Date(NOW + 20_000).toUTCString(), date: new Date(NOW).toUTCString() }, 20_000],
    ["an invalid Expires", { expires: "0" }, 0],
    ["an old change", { "last-modified": new Date(NOW - 6_000_000).toUTCString() }, 600_000],
    ["a very old change", { "last-modified": new Date(0).toUTCString() }, 3_600_000],
    ["a year", { "cache-control": "max-age=31536000" }, 86_400_000],
  ])("%s", (_what, headers, expected) => {
    expect(fresh(headers as Record<string, string>)).toBe(expected);
  });
});

describe("segmentFreshMs of media", () => {
  const media = (headers: Record<string, string>) => segmentFreshMs(new Headers(headers), NOW, 90_000);

  it("is at least as long as players may ask for it", () => {
    expect(media({})).toBe(90_000);
    expect(media({ "cache-control": "max-age=2" })).toBe(90_000);
    expect(media({ "cache-control": "max-age=10", age: "100" })).toBe(90_000);
    expect(media({ "cache-control": "max-age=300" })).toBe(300_000);
  });

  it.each([
    { "cache-control": "no-store" },
    { "cache-control": "private" },
    { "cache-control": "max-age=0" },
    { expires: "0" },
  ])("is not longer than an origin allows: %j", (headers) => {
    expect(media(headers as Record<string, string>)).toBe(0);
  });
});

describe("availableMs", () => {
  it("is at least the segment's and the playlist's duration together", () => {
    for (const segments of [1, 6, 1_000]) {
      const longest = 6_499;
      const needed = longest + segments * longest;
      expect(availableMs({ targetDurationMs: 6_000 }, segments)).toBeGreaterThanOrEqual(needed);
    }
  });

  it("is bounded", () => {
    expect(availableMs({ targetDurationMs: 600_000 }, 1_000_000)).toBe(86_400_000);
  });
});
