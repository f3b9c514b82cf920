import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Account } from "../../../relay/limits/account.ts";
import { Accounts } from "../../../relay/limits/accounts.ts";
import { Tab } from "../../../relay/limits/tab.ts";
import { ACCOUNT_LIMITS } from "../../../shared/limits.ts";
import { FakePacing } from "./fake-pacing.ts";

const MB = 1_000_000;
const NOW = Date.UTC(2027, 0, 1);

function accounts(options: Partial<ConstructorParameters<typeof Accounts>[0]>) {
  const clock = { now: NOW };
  const ended = vi.fn();
  const store = { lease: () => undefined, giveBack: vi.fn() };
  const made = new Accounts(
    { users: [], perClient: undefined, ...options },
    { store, onEnded: ended, now: () => clock.now },
  );
  onTestFinished(() => made.close());
  return { made, clock, ended };
}

describe("Accounts", () => {
  it("gives a user so many seats, and takes each back once", () => {
    const { made } = accounts({ users: [{ name: "alice", maxConnections: 2 }] });
    const alice = made.user("alice");
    const tabs = [0, 1, 2].map(() => new Tab({ end: () => undefined }, undefined));
    tabs[0]?.admit(alice);
    tabs[0]?.admit(alice);
    tabs[1]?.admit(alice);
    expect(() => tabs[2]?.admit(alice)).toThrow(expect.objectContaining({ code: "connections_exceeded" }));
    tabs[0]?.leave();
    tabs[2]?.admit(alice);
    expect(alice?.connections).toBe(2);
  });

  it("passes a connection's seat on when another user signs in on it", () => {
    const { made } = accounts({ users: [{ name: "alice" }, { name: "bob" }] });
    const tab = new Tab({ end: () => undefined }, undefined);
    tab.admit(made.user("alice"));
    tab.admit(made.user("bob"));
    expect([made.user("alice")?.connections, made.user("bob")?.connections]).toEqual([0, 1]);
  });

  it("ends connections when the time of their user is over", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const expires = NOW + 2 * ACCOUNT_LIMITS.EXPIRY_CHECK_MS + 1;
    const { made, clock, ended } = accounts({ users: [{ name: "alice", expires }] });
    const end = vi.fn();
    new Tab({ end }, undefined).admit(made.user("alice"));
    clock.now = expires - 1;
    vi.advanceTimersByTime(2 * ACCOUNT_LIMITS.EXPIRY_CHECK_MS);
    expect(end).not.toHaveBeenCalled();
    clock.now = expires;
    vi.advanceTimersByTime(1);
    expect(end).toHaveBeenCalledTimes(1);
    expect(ended).toHaveBeenCalledWith(made.user("alice"), "user_expired", 1);
    expect(() => new Tab({ end }, undefined).admit(made.user("alice"))).toThrow(
      expect.objectContaining({ code: "user_expired" }),
    );
  });

  it("ends connections of users that are gone, and leaves the others'", () => {
    const { made } = accounts({ users: [{ name: "alice" }, { name: "bob" }] });
    const ends = [vi.fn(), vi.fn()];
    new Tab({ end: ends[0] ?? vi.fn() }, undefined).admit(made.user("alice"));
    new Tab({ end: ends[1] ?? vi.fn() }, undefined).admit(made.user("bob"));
    made.setTerms({ users: [{ name: "bob" }], perClient: undefined });
    expect(ends[0]).toHaveBeenCalledTimes(1);
    expect(ends[1]).not.toHaveBeenCalled();
    expect(made.user("alice")).toBeUndefined();
  });

  it("keeps no more client addresses than its bound, those in use apart", () => {
    const { made } = accounts({ perClient: { maxConnections: 1 } });
    const first = made.client("10.0.0.1");
    const tab = new Tab({ end: () => undefined }, first);
    expect(tab.sitsClient()).toBe(true);
    const second = made.client("10.0.0.2");
    for (let index = 0; index < ACCOUNT_LIMITS.CLIENTS_MAX; index++)
      made.client(`10.1.${index >> 8}.${index & 255}`);
    expect(made.client("10.0.0.1")).toBe(first);
    expect(made.client("10.0.0.2")).not.toBe(second);
  });

  it("has no account for addresses without bounds", () => {
    expect(accounts({}).made.client("10.0.0.1")).toBeUndefined();
  });

  it("lets streams go on at once whose rate is taken away, and holds all of them when it is back", () => {
    const pacing = new FakePacing();
    const alice = new Account(
      "user",
      "alice",
      { rate: MB },
      {
        store: { lease: () => undefined, giveBack: () => undefined },
        onEnded: () => undefined,
        pacing,
      },
    );
    const tab = () => {
      const made = new Tab({ end: () => undefined }, undefined);
      made.admit(alice);
      return made;
    };
    const stream = () => {
      const counted = { moved: 0, pacer: tab().pacer("down", () => read()) };
      const read = (): void => {
        // No more than this in one go, as no socket has more.
        for (let reads = 0; reads < 1_000; reads++) {
          counted.moved += 10_000;
          if (counted.pacer?.spend(10_000) === false) return;
        }
      };
      if (counted.pacer?.ask() !== false) read();
      return { counted, read };
    };
    const early = stream();
    pacing.advance(1_000);
    expect(early.counted.moved).toBeLessThan(1.2 * MB);
    alice.setTerms({});
    expect([alice.isMetered, tab().pacer("down", () => undefined)]).toEqual([false, undefined]);
    early.read();
    expect(early.counted.moved).toBeGreaterThan(10 * MB);
    alice.setTerms({ rate: MB });
    const before = early.counted.moved;
    early.read();
    const late = stream();
    pacing.advance(10_000);
    expect(early.counted.moved - before + late.counted.moved).toBeLessThan(10.5 * MB);
    expect(late.counted.moved).toBeGreaterThan(4 * MB);
  });
});
