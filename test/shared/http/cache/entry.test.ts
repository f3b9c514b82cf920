import { describe, expect, it } from "vitest";
import { cacheStatusField } from "../../../../shared/http/cache/cache-status.ts";
import {
  ageSeconds,
  freshened,
  type Head,
  headOf,
  judge,
  mayStandIn,
} from "../../../../shared/http/cache/entry.ts";
import { wishOf } from "../../../../shared/http/cache/request.ts";

const NOW = Date.UTC(2026, 10, 21);

function head(fields: Record<string, string>, at = NOW): Head {
  return headOf({
    status: 200,
    statusText: "OK",
    headers: new Headers(fields),
    upstream: 0,
    requestedAt: at,
    receivedAt: at,
  });
}

function verdict(fields: Record<string, string>, afterS: number, wish = ""): string {
  return judge(
    head(fields),
    wishOf(new Headers(wish === "" ? {} : { "Cache-Control": wish })),
    NOW + afterS * 1_000,
  );
}

describe("headOf", () => {
  it("gives a reply without a date the time at which it came, and leaves any other", () => {
    expect(head({}).fields.get("date")).toBe(new Date(NOW).toUTCString());
    const date = new Date(NOW - 5_000).toUTCString();
    expect(head({ Date: date }).fields.get("date")).toBe(date);
  });
});

describe("judge", () => {
  const MINUTE = { "Cache-Control": "max-age=60" };

  it("uses what is fresh and validates what is not", () => {
    expect(verdict(MINUTE, 59)).toBe("fresh");
    expect(verdict(MINUTE, 60)).toBe("validate");
    expect(verdict({ ...MINUTE, Age: "50" }, 10)).toBe("validate");
    expect(verdict({ "Cache-Control": "no-cache" }, 0)).toBe("validate");
  });

  it("uses what is stale while it is validated, as long as the upstream allows it", () => {
    const behind = { "Cache-Control": "max-age=0, stale-while-revalidate=30" };
    expect(verdict(behind, 29)).toBe("stale");
    expect(verdict(behind, 30)).toBe("validate");
    expect(verdict({ "Cache-Control": "max-age=0, must-revalidate, stale-while-revalidate=30" }, 1)).toBe(
      "validate",
    );
  });

  it("follows the client's wishes", () => {
    expect(verdict(MINUTE, 10, "no-cache")).toBe("validate");
    expect(verdict(MINUTE, 10, "max-age=9")).toBe("validate");
    expect(verdict(MINUTE, 10, "min-fresh=50")).toBe("validate");
    expect(verdict(MINUTE, 70, "max-stale=20")).toBe("fresh");
    expect(verdict(MINUTE, 70, "max-stale=5")).toBe("validate");
    expect(verdict({ "Cache-Control": "max-age=60, must-revalidate" }, 70, "max-stale")).toBe("validate");
  });
});

describe("mayStandIn", () => {
  it("tells an error from no answer at all", () => {
    const stale = head({ "Cache-Control": "max-age=1" });
    expect(mayStandIn(stale, false, NOW + 5_000)).toBe(false);
    expect(mayStandIn(stale, true, NOW + 5_000)).toBe(true);
    expect(mayStandIn(stale, true, NOW + 7_200_000)).toBe(false);
    expect(mayStandIn(head({ "Cache-Control": "max-age=1, stale-if-error=9" }), false, NOW + 9_000)).toBe(
      true,
    );
  });
});

describe("freshened", () => {
  function after304(update: Record<string, string>): Head {
    const stored = head({ "Cache-Control": "max-age=60", Date: new Date(NOW).toUTCString(), "X-A": "1" });
    const at = NOW + 100_000;
    const headers = new Headers(update);
    return freshened(stored, {
      status: 304,
      statusText: "",
      headers,
      upstream: 1,
      requestedAt: at,
      receivedAt: at,
    });
  }

  it("starts a new life with the directives that were stored", () => {
    const fresh = after304({});
    expect(fresh).toMatchObject({ status: 200, freshMs: 60_000, upstream: 1, bornAt: NOW + 100_000 });
    expect(fresh.fields.get("x-a")).toBe("1");
  });

  it("takes over the 304's directives, age and fields", () => {
    const fresh = after304({ "Cache-Control": "max-age=90", Age: "30", "X-A": "2" });
    expect(fresh.freshMs).toBe(90_000);
    expect(ageSeconds(fresh, NOW + 100_000)).toBe(30);
    expect(fresh.fields.get("x-a")).toBe("2");
    expect(fresh.fields.has("age")).toBe(false);
  });
});

describe("cacheStatusField", () => {
  it("says what happened, after what caches before said", () => {
    expect(cacheStatusField({ hit: true, ttlS: 5, detail: "memory" }, null)).toBe(
      "causeway; hit; ttl=5; detail=memory",
    );
    const miss = {
      hit: false,
      forwarded: "uri-miss",
      status: 200,
      stored: false,
      refusal: "private",
    } as const;
    expect(cacheStatusField(miss, "origin; hit")).toBe(
      "origin; hit, causeway; fwd=uri-miss; fwd-status=200; detail=private",
    );
    expect(cacheStatusField({ hit: false, collapsed: true }, null)).toBe("causeway; fwd=uri-miss; collapsed");
  });
});
