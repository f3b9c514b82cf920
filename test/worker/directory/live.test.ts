import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIVE_LIMITS } from "../../../shared/limits.ts";
import {
  LiveState,
  NOTHING_LIVE,
  type PurgeScope,
  withDown,
  withLists,
  withPurge,
} from "../../../worker/directory/live.ts";

/** The state after purges, the first with the number 1. */
function purged(...scopes: readonly PurgeScope[]): LiveState {
  return new LiveState(
    scopes.reduce((document, scope, n) => withPurge(document, scope, n + 1), NOTHING_LIVE),
  );
}

describe("LiveState.purgeEpoch", () => {
  it("is 0 where nothing was purged", () => {
    expect(purged().purgeEpoch("a.test", "/")).toBe(0);
    expect(purged({ host: "b.test" }).purgeEpoch("a.test", "/")).toBe(0);
  });

  it("rises for one address with its query, and for no other", () => {
    const state = purged({ host: "a.test", exact: "/x?y=1" });
    expect(state.purgeEpoch("a.test", "/x?y=1")).toBe(1);
    for (const address of ["/x", "/x?y=2", "/x?y=1&z=2", "/x/"])
      expect(state.purgeEpoch("a.test", address)).toBe(0);
    expect(state.purgeEpoch("sub.a.test", "/x?y=1")).toBe(0);
  });

  it("rises for everything that begins alike", () => {
    const state = purged({ host: "a.test", prefix: "/img/" });
    expect(state.purgeEpoch("a.test", "/img/x.png?v=2")).toBe(1);
    expect(state.purgeEpoch("a.test", "/image")).toBe(0);
  });

  it("rises for a host, for all below a name, and for all hosts", () => {
    const state = purged({ host: "a.test" }, { host: "*.b.test" });
    expect(state.purgeEpoch("a.test", "/any")).toBe(1);
    expect(state.purgeEpoch("x.y.b.test", "/")).toBe(2);
    expect(state.purgeEpoch("b.test", "/")).toBe(0);
    expect(purged({ host: "*" }).purgeEpoch("c.test", "/")).toBe(1);
  });

  it("is the newest of all rules that cover the address", () => {
    const state = purged({ host: "a.test", exact: "/x" }, { host: "*" }, { host: "a.test", prefix: "/y" });
    expect(state.purgeEpoch("a.test", "/x")).toBe(2);
    expect(state.purgeEpoch("a.test", "/y/1")).toBe(3);
  });
});

describe("withPurge", () => {
  it("drops the rules that the new one covers", () => {
    const scopes: PurgeScope[] = [
      { host: "a.test", exact: "/x/1" },
      { host: "a.test", prefix: "/x/" },
      { host: "a.test", prefix: "/z/" },
      { host: "a.test" },
      { host: "b.test" },
      { host: "*.test" },
    ];
    const documents = scopes.map((_, n) =>
      scopes
        .slice(0, n + 1)
        .reduce((document, scope, at) => withPurge(document, scope, at + 1), NOTHING_LIVE),
    );
    expect(documents.map(({ purges }) => purges.length)).toEqual([1, 1, 2, 1, 2, 1]);
  });

  it("never forgets a purge and stays within its bounds, whatever comes", () => {
    const scope = fc.record(
      {
        host: fc.constantFrom("a.test", "b.test", "x.a.test", "*.a.test", "*.test", "*"),
        kind: fc.constantFrom("exact", "prefix", "host"),
        path: fc.constantFrom("/", "/a", "/a/b", "/b?c", "/b"),
      },
      { requiredKeys: ["host", "kind", "path"] },
    );
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 40 }), (orders) => {
        let document = NOTHING_LIVE;
        orders.forEach(({ host, kind, path }, n) => {
          const order =
            kind === "host" ? { host } : kind === "exact" ? { host, exact: path } : { host, prefix: path };
          document = withPurge(document, order, n + 1);
          const probe = host.replace("*", "any.where");
          expect(new LiveState(document).purgeEpoch(probe, path)).toBe(n + 1);
        });
      }),
    );
  });

  it("widens the oldest rules when there are too many: to their host, then to every host", () => {
    let document = NOTHING_LIVE;
    for (let n = 1; n <= LIVE_LIMITS.PURGES_MAX; n++)
      document = withPurge(document, { host: n < 3 ? "old.test" : "new.test", exact: `/${n}` }, n);
    document = withPurge(document, { host: "new.test", exact: "/more" }, 1_000);
    document = withPurge(document, { host: "new.test", exact: "/most" }, 1_001);
    const state = new LiveState(document);
    expect(document.purges.length).toBeLessThanOrEqual(LIVE_LIMITS.PURGES_MAX);
    expect(state.purgeEpoch("old.test", "/other")).toBe(2);
    expect(state.purgeEpoch("old.test", "/2")).toBe(2);
    expect(state.purgeEpoch("new.test", "/7")).toBe(7);
    for (let n = 0; n < 3 * LIVE_LIMITS.PURGES_MAX; n++)
      document = withPurge(document, { host: `h${n}.test` }, 2_000 + n);
    expect(document.purges.length).toBeLessThanOrEqual(LIVE_LIMITS.PURGES_MAX);
    expect(new LiveState(document).purgeEpoch("old.test", "/2")).toBeGreaterThanOrEqual(2);
    expect(new LiveState(document).purgeEpoch("h2.test", "/")).toBeGreaterThanOrEqual(2_002);
  });

  it("holds long addresses to the bound of their length", () => {
    let document = NOTHING_LIVE;
    const long = `/${"x".repeat(LIVE_LIMITS.PURGE_ADDRESS_CHARS_MAX - 10)}`;
    for (let n = 1; n < 100; n++) document = withPurge(document, { host: "a.test", exact: long + n }, n);
    expect(JSON.stringify(document).length).toBeLessThan(LIVE_LIMITS.PURGE_CHARS_MAX * 1.5);
    expect(new LiveState(document).purgeEpoch("a.test", `${long}1`)).toBeGreaterThanOrEqual(1);
  });
});

describe("withDown", () => {
  it("changes the number only where something changed", () => {
    const first = withDown(NOTHING_LIVE, ["b", "a", "a"], 5);
    expect(first).toEqual({ seq: 5, purges: [], down: ["a", "b"] });
    expect(withDown(first, ["a", "b"], 6)).toBe(first);
    expect(withDown(first, [], 7)).toEqual({ seq: 7, purges: [], down: [] });
    expect(new LiveState(first).isDown("a")).toBe(true);
    expect(new LiveState(first).isDown("c")).toBe(false);
  });
});

describe("withLists", () => {
  it("changes with any state of a list or the guide, and not with their order", () => {
    const first = withLists(NOTHING_LIVE, { imports: { a: 1, b: 2 }, guide: 3 }, 10);
    expect(new LiveState(first)).toMatchObject({ seq: 10, lists: { imports: { a: 1, b: 2 }, guide: 3 } });
    expect(withLists(first, { imports: { b: 2, a: 1 }, guide: 3 }, 11)).toBe(first);
    expect(withLists(first, { imports: { a: 1 }, guide: 3 }, 11).seq).toBe(11);
    expect(withLists(first, { imports: { a: 1, b: 2 }, guide: 4 }, 11).seq).toBe(11);
  });

  it("knows of no lists in a state from before there were any", () => {
    expect(new LiveState(NOTHING_LIVE).lists).toEqual({ imports: {}, guide: 0 });
    expect(withLists(NOTHING_LIVE, { imports: {}, guide: 0 }, 5)).toBe(NOTHING_LIVE);
  });
});
