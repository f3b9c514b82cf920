// When an isolate asks for a newer configuration: the decisions and the pacing, over a source made up here.

import { describe, expect, it } from "vitest";
import { ConfigPoller, type ConfigSource, decide, type PollState } from "../../../worker/directory/poller.ts";

const FINE: PollState = {
  known: "snapshot",
  age: 0,
  failedFor: Number.POSITIVE_INFINITY,
  retryIn: Number.NEGATIVE_INFINITY,
};

describe("decide", () => {
  it.each([
    ["serves a young snapshot", { age: 1_999 }, "serve"],
    ["refreshes behind a request after 2 s", { age: 2_000 }, "refresh"],
    ["waits after 4 s, so that a push shows within 5 s", { age: 4_000 }, "wait"],
    ["does not wait after a recent failure", { age: 60_000, failedFor: 5_000 }, "refresh"],
    ["waits again when the failure is long past", { age: 60_000, failedFor: 31_000 }, "wait"],
    ["asks nobody while backing off", { age: 60_000, failedFor: 500, retryIn: 500 }, "serve"],
    ["waits when nothing is known", { known: "nothing", age: Number.POSITIVE_INFINITY }, "wait"],
    ["asks often while there is no configuration", { known: "none", age: 300 }, "wait"],
    ["but not with every request", { known: "none", age: 100 }, "serve"],
  ] as const)("%s", (_, state, expected) => {
    expect(decide({ ...FINE, ...state })).toBe(expected);
  });
});

interface Snapshot {
  readonly epoch: number;
}

/** A poller with a clock and a directory in the test's hands. */
function setUp() {
  const state = { now: 1_000_000, epoch: 1, live: 0, fails: false, asked: 0, followed: [] as number[] };
  const source: ConfigSource<Snapshot> = {
    latest() {
      state.asked++;
      if (state.fails) return Promise.reject(new Error("the object is overloaded"));
      return Promise.resolve({
        version: state.epoch,
        epoch: state.epoch,
        live: state.live,
        askedAt: state.now,
      });
    },
    load: (latest) => Promise.resolve({ epoch: latest.epoch }),
    follow(latest) {
      state.followed.push(latest.live);
      return Promise.resolve();
    },
  };
  const poller = new ConfigPoller<Snapshot>(() => state.now);
  const background: Promise<void>[] = [];
  return {
    state,
    poller,
    current: () => poller.current(source, (work) => background.push(work)),
    settle: () => Promise.all(background),
  };
}

describe("ConfigPoller", () => {
  it("asks in the background from 2 s on, and serves the old snapshot meanwhile", async () => {
    const { state, current, settle } = setUp();
    expect(await current()).toEqual({ epoch: 1 });
    state.epoch = 2;
    state.now += 1_900;
    expect(await current()).toEqual({ epoch: 1 });
    expect(state.asked).toBe(1);
    state.now += 100;
    expect(await current()).toEqual({ epoch: 1 });
    await settle();
    expect(await current()).toEqual({ epoch: 2 });
    expect(state.asked).toBe(2);
  });

  it("waits for the newest after a long sleep", async () => {
    const { state, current } = setUp();
    await current();
    state.epoch = 2;
    state.now += 3_600_000;
    expect(await current()).toEqual({ epoch: 2 });
  });

  it("backs off from a failing directory and comes back when it does", async () => {
    const { state, current, settle } = setUp();
    await current();
    state.fails = true;
    for (let second = 0; second < 60; second++) {
      state.now += 1_000;
      expect(await current()).toEqual({ epoch: 1 });
      await settle();
    }
    expect(state.asked).toBeLessThanOrEqual(20);
    state.fails = false;
    state.epoch = 2;
    state.now += 4_000;
    await current();
    await settle();
    expect(await current()).toEqual({ epoch: 2 });
  });

  it("follows what changes without a version with each answer, and never before the first push", async () => {
    const { state, current, settle } = setUp();
    state.epoch = 0;
    await expect(current()).rejects.toMatchObject({ code: "config_unavailable" });
    expect(state.followed).toEqual([]);
    state.epoch = 1;
    state.live = 7;
    state.now += 1_000;
    await current();
    state.live = 8;
    state.now += 2_000;
    await current();
    await settle();
    expect(state.followed).toEqual([7, 8]);
  });

  it("ignores an answer from before its own push", async () => {
    const { state, poller, current } = setUp();
    state.epoch = 5;
    await current();
    state.epoch = 4;
    poller.expire();
    expect(await current()).toEqual({ epoch: 5 });
  });

  it("refuses at once while nothing is known and the directory fails", async () => {
    const { state, current } = setUp();
    state.fails = true;
    await expect(current()).rejects.toMatchObject({ code: "config_unavailable" });
    await expect(current()).rejects.toMatchObject({ code: "config_unavailable" });
    expect(state.asked).toBe(1);
  });
});
