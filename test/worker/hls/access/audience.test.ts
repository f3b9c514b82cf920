// Several isolates of one edge before one object, which is the real one.

import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env as bindings } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { VIEWER_LIMITS } from "../../../../shared/limits.ts";
import type { AudienceNews } from "../../../../shared/viewers/session-table.ts";
import type { Env } from "../../../../worker/env.ts";
import { Audiences, type Report, type SeatRequest } from "../../../../worker/hls/access/audience.ts";
import { StoredAudience } from "../../../../worker/hls/object/viewers.ts";

const env = bindings as unknown as Env;

function seat(id: string, more: Partial<SeatRequest> = {}): SeatRequest {
  return { id, client: "", group: "", group_max: 0, expired: false, ...more };
}

let nextObject = 0;

/** Isolates that share an object of their own, and what they tell it. */
function isolates(count: number, answer?: Report) {
  const object = `ch_audience_${nextObject++}`;
  const told: AudienceNews[] = [];
  const report: Report = async (...args) => {
    told.push(args[2]);
    return answer ? answer(...args) : env.CHANNEL.getByName(object).audience(args[2]);
  };
  const all = Array.from({ length: count }, () => new Audiences(report).of(object));
  const enter = async (isolate: number, request: SeatRequest, limit = 0) => {
    const ctx = createExecutionContext();
    const verdict = await all[isolate]?.enter({ env, ctx }, request, limit);
    await waitOnExecutionContext(ctx);
    return verdict;
  };
  return { enter, told, object };
}

afterEach(() => vi.restoreAllMocks());

function later(ms: number): void {
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + ms);
}

describe("Audience", () => {
  it("keeps a limit over all isolates", async () => {
    const { enter } = isolates(3);
    expect(await enter(0, seat("a"), 2)).toBe("in");
    expect(await enter(1, seat("b"), 2)).toBe("in");
    expect(await enter(2, seat("c"), 2)).toBe("full");
    expect(await enter(2, seat("a"), 2)).toBe("in");
  });

  it("lets in the limit and no more when all come at once", async () => {
    const { enter, told } = isolates(2);
    const crowd = Array.from({ length: 200 }, (_, n) => enter(n % 2, seat(`v${n}`), 50));
    const verdicts = await Promise.all(crowd);
    expect(verdicts.filter((verdict) => verdict === "in")).toHaveLength(50);
    expect(verdicts.filter((verdict) => verdict === "full")).toHaveLength(150);
    expect(told.length).toBeLessThan(20);
  });

  it("lets a session that another isolate knows go on past its token's expiry", async () => {
    const { enter } = isolates(2);
    expect(await enter(0, seat("a"))).toBe("in");
    expect(await enter(1, seat("a", { expired: true }))).toBe("in");
    expect(await enter(1, seat("b", { expired: true }))).toBe("over");
  });

  it("gives a bound session to one of two clients that claim it at once", async () => {
    const { enter } = isolates(1);
    const claims = ["1.1.1.1", "2.2.2.2"].map((client) => enter(0, seat("s", { client })));
    expect((await Promise.all(claims)).sort()).toEqual(["in", "taken"]);
  });

  it("tells the object of known sessions once in a while only", async () => {
    const { enter, told } = isolates(1);
    for (let n = 0; n < 50; n++) await enter(0, seat("a"), 5);
    const before = told.length;
    expect(before).toBeLessThanOrEqual(2);
    later(VIEWER_LIMITS.REPORT_MS + 100);
    for (let n = 0; n < 50; n++) await enter(0, seat("a"), 5);
    expect(told.length).toBe(before + 1);
  });

  it("asks about somebody who was refused no more than every few seconds", async () => {
    const { enter, told } = isolates(1);
    await enter(0, seat("a"), 1);
    for (let n = 0; n < 20; n++) expect(await enter(0, seat("b"), 1)).toBe("full");
    expect(told.length).toBe(2);
    later(VIEWER_LIMITS.REFUSED_MS + 100);
    expect(await enter(0, seat("b"), 1)).toBe("full");
    expect(told.length).toBe(3);
  });

  it("knows nothing where the object fails, and leaves it alone for a while", async () => {
    const { enter, told } = isolates(1, () => Promise.reject(new Error("down")));
    expect(await enter(0, seat("a"), 1)).toBe("unknown");
    expect(await enter(0, seat("b", { expired: true }))).toBe("unknown");
    expect(told.length).toBe(1);
    expect(await enter(0, seat("c"))).toBe("in");
  });

  it("keeps whom it let in on trust until the object answers and says otherwise", async () => {
    let isDown = true;
    const { enter } = isolates(1, async (_, __, { sessions }) => {
      if (isDown) throw new Error("down");
      return sessions.map(() => "full");
    });
    expect(await enter(0, seat("a"), 1)).toBe("unknown");
    expect(await enter(0, seat("a"), 1)).toBe("in");
    isDown = false;
    later(VIEWER_LIMITS.REPORT_MS + 100);
    expect(await enter(0, seat("a"), 1)).toBe("in");
    expect(await enter(0, seat("a"), 1)).toBe("full");
  });

  it("keeps sessions going that it has let in when the object has lost its memory", async () => {
    const { enter, told } = isolates(1);
    await enter(0, seat("a"));
    later(VIEWER_LIMITS.REPORT_MS + 100);
    await enter(0, seat("a", { expired: true }));
    expect(told.at(-1)?.sessions).toMatchObject([{ id: "a", expired: false }]);
  });
});

describe("the object's table of viewers", () => {
  it("is written down now and then, so that it outlives the object's memory", async () => {
    const { enter, object } = isolates(1);
    await enter(0, seat("a", { client: "1.1.1.1" }));
    later(VIEWER_LIMITS.SAVE_MS + 100);
    await enter(0, seat("a", { client: "1.1.1.1" }));
    const news = { limit: 0, sessions: [{ ...seat("a", { client: "2.2.2.2" }), age_ms: 0 }] };
    await runInDurableObject(env.CHANNEL.getByName(object), (_, { storage }) => {
      expect(new StoredAudience(storage).report(news, Date.now())).toEqual(["taken"]);
    });
  });
});
