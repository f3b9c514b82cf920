import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CATCHUP_MODES, catchupTimes, catchupUrl } from "../../../shared/lists/catchup.ts";

const TIMES = { start: 1_767_323_045, duration: 3_600, now: 1_767_400_000 };

const url = (mode: (typeof CATCHUP_MODES)[number], stream: string, source = "") =>
  catchupUrl({ mode, source, stream }, TIMES);

describe("catchupUrl", () => {
  it("fills in the placeholders that players know", () => {
    const template =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a placeholder of players
      "http://p.test/{utc}/${start}/{utcend}/{lutc}/{duration}/{duration:60}/{offset:1}/{Y}-{m}-{d}:{H}-{M}-{S}/{utc:YmdHMS}/{what}";
    expect(url("default", "http://p.test/s.m3u8", template)).toBe(
      "http://p.test/1767323045/1767323045/1767326645/1767400000/3600/60/76955/2026-01-02:03-04-05/20260102030405/%7Bwhat%7D",
    );
  });

  it("appends, shifts, and knows what Flussonic and Xtream servers do", () => {
    expect(url("append", "http://p.test/s.m3u8?k=1", "?utc={utc}")).toBe(
      "http://p.test/s.m3u8?k=1&utc=1767323045",
    );
    expect(url("append", "http://p.test/s", "/past-{utc}.m3u8")).toBe("http://p.test/s/past-1767323045.m3u8");
    expect(url("shift", "http://p.test/s.m3u8")).toBe("http://p.test/s.m3u8?utc=1767323045&lutc=1767400000");
    expect(url("flussonic", "http://p.test/ch/index.m3u8?token=x")).toBe(
      "http://p.test/ch/archive-1767323045-3600.m3u8?token=x",
    );
    expect(url("flussonic", "http://p.test/ch/mono.m3u8")).toBe("http://p.test/ch/mono-1767323045-3600.m3u8");
    expect(url("flussonic", "http://p.test/ch/mpegts")).toBe("http://p.test/ch/timeshift_abs-1767323045.ts");
    expect(url("xc", "http://p.test:8080/live/u/p/17.m3u8")).toBe(
      "http://p.test:8080/timeshift/u/p/60/2026-01-02:03-04/17.m3u8",
    );
    expect(url("xc", "http://p.test/u/p/17")).toBe("http://p.test/timeshift/u/p/60/2026-01-02:03-04/17.ts");
  });

  it("resolves a template that stands relative to its stream", () => {
    expect(url("default", "http://p.test/a/s.m3u8?k=1", "{utc}.m3u8")).toBe(
      "http://p.test/a/1767323045.m3u8",
    );
    expect(url("default", "http://p.test/a/s.m3u8", "/b/{utc}.m3u8")).toBe("http://p.test/b/1767323045.m3u8");
  });

  it("makes no address of what cannot be one", () => {
    expect(url("default", "http://p.test/s.m3u8")).toBeUndefined();
    expect(url("append", "http://p.test/s.m3u8")).toBeUndefined();
    expect(url("xc", "http://p.test/s.m3u8")).toBeUndefined();
    expect(url("default", "file:///etc/passwd", "passwd")).toBeUndefined();
  });

  it("throws on no template and no stream", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CATCHUP_MODES),
        fc.webUrl(),
        fc.string({ unit: "binary" }),
        (mode, stream, source) => {
          expect(url(mode, stream, source) ?? "http").toMatch(/^https?/);
          expect(url(mode, source, stream) ?? "http").toMatch(/^https?/);
        },
      ),
    );
  });
});

describe("catchupTimes", () => {
  const times = (query: string) => catchupTimes(new URLSearchParams(query), TIMES.now);

  it("reads the times that our lists ask players for", () => {
    expect(times("utc=1767323045&duration=3600&lutc=9")).toEqual(TIMES);
    expect(times("utc=1767323045")?.duration).toBe(TIMES.now - TIMES.start);
    expect(times("utc=1767323045&duration=%7Bduration%7D")?.duration).toBe(TIMES.now - TIMES.start);
    expect(times("utc=0&duration=99999999999")?.duration).toBe(86_400);
  });

  it("knows no future and no other words", () => {
    for (const query of ["", "utc=", "utc={utc}", "utc=-1", "utc=1e9", "utc=1767400001", "utc=999999999999"])
      expect([query, times(query)]).toEqual([query, undefined]);
  });
});
