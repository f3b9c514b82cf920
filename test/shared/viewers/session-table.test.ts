import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VIEWER_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { networkGroup, type SessionNews, SessionTable } from "../../../shared/viewers/session-table.ts";

const NOW = 1_700_000_000_000;

function session(id: string, more: Partial<SessionNews> = {}): SessionNews {
  return { id, client: "", group: "", group_max: 0, age_ms: 0, expired: false, ...more };
}

function table() {
  const sessions = new SessionTable();
  return {
    sessions,
    say: (now: number, limit: number, ...news: SessionNews[]) =>
      sessions.report({ limit, sessions: news }, now),
  };
}

describe("SessionTable", () => {
  it("gives out as many places as there are, and one more when somebody has been silent", () => {
    const { say } = table();
    expect(say(NOW, 2, session("a"), session("b"), session("c"))).toEqual(["in", "in", "full"]);
    expect(say(NOW + LIMITS.ACTIVE_MS - 1, 2, session("a"), session("c"))).toEqual(["in", "full"]);
    expect(say(NOW + LIMITS.ACTIVE_MS, 2, session("c"), session("b"))).toEqual(["in", "full"]);
  });

  it("counts a session once, whichever isolate tells of it", () => {
    const { say } = table();
    expect(say(NOW, 1, session("a"))).toEqual(["in"]);
    expect(say(NOW + 1, 1, session("a"))).toEqual(["in"]);
    expect(say(NOW + 2, 1, session("b"))).toEqual(["full"]);
  });

  it("holds nobody out without a limit", () => {
    const { say } = table();
    expect(say(NOW, 0, session("a"), session("b"))).toEqual(["in", "in"]);
  });

  it("bounds the sessions of a group by themselves", () => {
    const { say } = table();
    const of = (id: string) => session(id, { group: "t", group_max: 1 });
    expect(say(NOW, 0, of("a"), of("b"), session("c"))).toEqual(["in", "group_full", "in"]);
  });

  it("has a network make room that holds more places than it may keep, those silent longest first", () => {
    const { sessions, say } = table();
    const keep = LIMITS.NETWORK_PLACES;
    const of = (network: string, id: number) => session(`${network} ${id}`, { group: networkGroup(network) });
    const crowd = Array.from({ length: keep + 2 }, (_, n) => of("1.1.1.1", n));
    expect(say(NOW, keep + 2, ...crowd)).toEqual(crowd.map(() => "in"));
    say(NOW + 1_000, keep + 2, of("1.1.1.1", 0));
    const [second, third] = [of("2.2.2.2", 0), session("bound")];
    expect(say(NOW + 2_000, keep + 2, second, third, of("3.3.3.3", 0))).toEqual(["in", "in", "full"]);
    expect(say(NOW + 3_000, keep + 2, of("1.1.1.1", 1), of("1.1.1.1", 2))).toEqual(["full", "full"]);
    expect(say(NOW + 3_000, keep + 2, of("1.1.1.1", 0), second, third)).toEqual(["in", "in", "in"]);
    expect(sessions.active(NOW + 3_000)).toBe(keep + 2);
  });

  it("lets a household have a whole small channel, and none take turns with its like", () => {
    const { say } = table();
    const of = (network: string, id: number) => session(`${network} ${id}`, { group: networkGroup(network) });
    expect(say(NOW, 2, of("h", 0), of("h", 1), of("x", 0))).toEqual(["in", "in", "full"]);
    const large = table();
    const half = LIMITS.NETWORK_PLACES + 3;
    const both = Array.from({ length: 2 * half }, (_, n) => of(n < half ? "p" : "q", n));
    large.say(NOW, 2 * half, ...both);
    expect(large.say(NOW, 2 * half, of("p", 99), of("q", 99))).toEqual(["full", "full"]);
  });

  it("lets an expired session go on, not begin", () => {
    const { say } = table();
    const late = session("a", { expired: true });
    expect(say(NOW, 0, late)).toEqual(["over"]);
    expect(say(NOW, 0, session("a"))).toEqual(["in"]);
    expect(say(NOW + LIMITS.RESUME_MS, 0, late)).toEqual(["in"]);
    expect(say(NOW + 2 * LIMITS.RESUME_MS + 1, 0, late)).toEqual(["over"]);
  });

  it("keeps a bound session for its client while that one watches, and past the expiry for ever", () => {
    const { say } = table();
    const by = (client: string, expired = false) => session("s", { client, expired });
    expect(say(NOW, 0, by("1.1.1.1"), by("2.2.2.2"))).toEqual(["in", "taken"]);
    expect(say(NOW + LIMITS.ACTIVE_MS, 0, by("2.2.2.2", true), by("2.2.2.2"))).toEqual(["over", "in"]);
    expect(say(NOW + LIMITS.ACTIVE_MS, 0, by("1.1.1.1"))).toEqual(["taken"]);
  });

  it("believes the latest news of a session, however late older ones come", () => {
    const { say } = table();
    say(NOW, 1, session("a"));
    say(NOW + 1_000, 1, session("a", { age_ms: 20_000 }));
    expect(say(NOW + LIMITS.ACTIVE_MS - 1, 1, session("b"))).toEqual(["full"]);
  });

  it("is the same after it was written down", () => {
    const { sessions, say } = table();
    say(NOW, 0, session("a", { group: "g" }), session("b", { client: "1.1.1.1" }));
    const restored = new SessionTable();
    restored.restore(sessions.save());
    const news = { limit: 2, sessions: [session("c"), session("b", { client: "2.2.2.2" })] };
    expect(restored.report(news, NOW + 1)).toEqual(["full", "taken"]);
    expect(restored.active(NOW + 1)).toBe(2);
  });

  it("forgets those silent longest beyond its bound", () => {
    const { sessions, say } = table();
    for (let at = 0; at <= LIMITS.SESSIONS_MAX; at += LIMITS.REPORT_SESSIONS_MAX) {
      const news = Array.from({ length: LIMITS.REPORT_SESSIONS_MAX }, (_, n) => session(`s${at + n}`));
      say(NOW, 0, ...news);
    }
    expect(sessions.size).toBe(LIMITS.SESSIONS_MAX);
    expect(say(NOW, 0, session("s0", { expired: true }))).toEqual(["over"]);
  });

  it("never lets in more than the limit, in whatever order news come", () => {
    const news = fc.record({
      id: fc.constantFrom("a", "b", "c", "d", "e"),
      group: fc.constantFrom("", networkGroup("1"), networkGroup("2")),
      age_ms: fc.integer({ min: 0, max: 60_000 }),
      expired: fc.boolean(),
      wait: fc.integer({ min: 0, max: 40_000 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.array(news, { maxLength: 60 }), (limit, steps) => {
        const { sessions, say } = table();
        let now = NOW;
        for (const { wait, id, group, age_ms, expired } of steps) {
          now += wait;
          say(now, limit, session(id + group, { group, age_ms, expired }));
          expect(sessions.active(now)).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
