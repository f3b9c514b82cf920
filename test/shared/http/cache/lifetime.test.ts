import { describe, expect, it } from "vitest";
import { controlOf } from "../../../../shared/http/cache/control.ts";
import { bornAt, freshMs, graceOf } from "../../../../shared/http/cache/lifetime.ts";
import { CACHE_LIMITS } from "../../../../shared/limits.ts";

const NOW = Date.UTC(2026, 10, 21);
const TIMES = { requestedAt: NOW - 200, receivedAt: NOW };

function date(offsetS: number): string {
  return new Date(NOW + offsetS * 1_000).toUTCString();
}

function fresh(fields: Record<string, string>, status = 200): number {
  const headers = new Headers(fields);
  return freshMs(status, headers, controlOf(headers), NOW) / 1_000;
}

describe("freshMs", () => {
  it("takes s-maxage before max-age before Expires", () => {
    const expires = { Expires: date(30), Date: date(0) };
    expect(fresh({ ...expires, "Cache-Control": "max-age=20, s-maxage=10" })).toBe(10);
    expect(fresh({ ...expires, "Cache-Control": "max-age=20" })).toBe(20);
    expect(fresh(expires)).toBe(30);
  });

  it("takes what is no number or no date for expired", () => {
    expect(fresh({ "Cache-Control": "max-age=-1", Expires: date(30) })).toBe(0);
    expect(fresh({ Expires: "0", "Last-Modified": date(-1_000) })).toBe(0);
  });

  it("reckons Expires from Date, and from now without one", () => {
    expect(fresh({ Expires: date(50), Date: date(40) })).toBe(10);
    expect(fresh({ Expires: date(50), Date: "yesterday" })).toBe(50);
  });

  it("ignores Expires beside directives aimed at this cache", () => {
    expect(fresh({ "CDN-Cache-Control": "public", Expires: date(50) })).toBe(0);
  });

  it("guesses a tenth of the time since the last change, where the status allows it", () => {
    expect(fresh({ "Last-Modified": date(-100), Date: date(0) })).toBe(10);
    expect(fresh({ "Last-Modified": date(-100), Date: date(0) }, 403)).toBe(0);
    expect(fresh({ "Last-Modified": date(-100), Date: date(0), "Cache-Control": "public" }, 599)).toBe(10);
    expect(fresh({ "Last-Modified": date(-100), Date: date(0), Pragma: "no-cache" })).toBe(0);
    expect(fresh({ "Last-Modified": date(-1e9), Date: date(0) })).toBe(CACHE_LIMITS.HEURISTIC_MS_MAX / 1_000);
  });

  it("is none with no-cache, unless that names fields", () => {
    expect(fresh({ "Cache-Control": "max-age=60, no-cache" })).toBe(0);
    expect(fresh({ "Cache-Control": 'max-age=60, no-cache="a"' })).toBe(60);
  });
});

describe("bornAt", () => {
  const ageS = (fields: Record<string, string>) => (NOW - bornAt(new Headers(fields), TIMES)) / 1_000;

  it("is the larger of Age with the time under way and of Date's", () => {
    expect(ageS({ Age: "30", Date: date(0) })).toBe(30.2);
    expect(ageS({ Age: "30", Date: date(-90) })).toBe(90);
    expect(ageS({ Date: date(500) })).toBe(0.2);
  });

  it.each(["old", "-1", "7.5", "7200, 0", "0,7200", "0, 0", "5;a=b"])(
    "takes Age: %s for older than anything",
    (age) => {
      expect(ageS({ Age: age }) * 1_000).toBeGreaterThan(CACHE_LIMITS.LIFETIME_MS_MAX);
    },
  );
});

describe("graceOf", () => {
  const grace = (control: string) => graceOf(controlOf(new Headers({ "Cache-Control": control })));

  it("is what the upstream allows", () => {
    expect(grace("max-age=1, stale-while-revalidate=5, stale-if-error=9")).toEqual({
      whileRevalidateMs: 5_000,
      ifErrorMs: 9_000,
      ifUnreachableMs: CACHE_LIMITS.UNREACHABLE_STALE_MS,
    });
    expect(grace("s-maxage=1, stale-if-error=9").ifUnreachableMs).toBe(9_000);
  });

  it.each(["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"])(
    "is none with %s",
    (directive) => {
      expect(grace(`max-age=1, ${directive}`)).toEqual({
        whileRevalidateMs: 0,
        ifErrorMs: 0,
        ifUnreachableMs: 0,
      });
    },
  );
});
