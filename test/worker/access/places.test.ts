import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ACCESS_LIMITS, LEASE_LIMITS } from "../../../shared/limits.ts";
import { holdsLeases, type Places, placesOf, tendLeases } from "../../../worker/access/places.ts";
import type { Env } from "../../../worker/env.ts";
import { LeaseBook, type LeaseRequest } from "../../../worker/limits/lease-book.ts";
import { callOf, hostOf } from "./support.ts";

/** A host's object with other isolates beside this one; fails while told to. */
class FakeLimits {
  readonly book = new LeaseBook([]);
  readonly requests: LeaseRequest[] = [];
  failing = false;
  hanging = false;
  readonly env = { LIMITS: { getByName: () => this } } as unknown as Env;

  async lease(request: LeaseRequest) {
    this.requests.push(request);
    if (this.hanging) await new Promise(() => undefined);
    if (this.failing) throw new Error("object unreachable");
    return this.book.grant(request, Date.now()).lease;
  }

  /** Another isolate takes places. */
  occupy(places: number, limit: number): number {
    const seq = this.requests.length + 1_000;
    return this.book.grant({ holder: "other", seq, limit, used: 0, wanted: places }, Date.now()).lease.places;
  }
}

let limits: FakeLimits;

/** Leases of earlier tests are over: time goes on from one to the next. */
let clock = Date.now();

beforeEach(() => {
  vi.useFakeTimers();
  clock += 3_600_000;
  vi.setSystemTime(clock);
  limits = new FakeLimits();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Takes places until there is none left; resolves to how many it got. */
async function takeAll(places: Places, max = 1_000): Promise<number> {
  const { ctx } = callOf().x;
  for (let taken = 0; taken < max; taken++) {
    while (!places.hasRoom(Date.now()) && (await places.more(limits.env, ctx)));
    if (!places.hasRoom(Date.now())) return taken;
    places.take();
  }
  return max;
}

function giveAll(places: Places): void {
  while (places.active > 0) places.give();
}

describe("placesOf", () => {
  it("counts in this isolate, without any object", async () => {
    const places = placesOf(hostOf({ max_connections: 3 }));
    expect(await takeAll(places)).toBe(3);
    places.give();
    expect(await takeAll(places)).toBe(1);
    expect(limits.requests).toEqual([]);
  });

  it("keeps who is in over a push, also under a lower limit", () => {
    const host = hostOf({ max_connections: 3 });
    const places = placesOf(host);
    places.take();
    places.take();
    const next = placesOf({ ...host, max_connections: 2 });
    expect(next).toBe(places);
    expect(next.hasRoom(Date.now())).toBe(false);
    places.give();
    expect(next.hasRoom(Date.now())).toBe(true);
  });
});

describe("placesOf with scope global", () => {
  const global = (max: number) => placesOf(hostOf({ max_connections: max, scope: "global" }));

  it("admits what the object grants, by few calls", async () => {
    const places = global(100);
    expect(limits.occupy(30, 100)).toBe(30);
    expect(await takeAll(places)).toBe(70);
    expect(limits.requests.length).toBeLessThanOrEqual(10);
    giveAll(places);
  });

  it("asks no more often than four times a second once the object has nothing to give", async () => {
    const places = global(10);
    limits.occupy(10, 10);
    for (let i = 0; i < 50; i++) expect(await takeAll(places)).toBe(0);
    expect(limits.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(LEASE_LIMITS.REFUSED_MS);
    limits.occupy(9, 10);
    expect(await takeAll(places)).toBe(1);
    giveAll(places);
  });

  it("has room also for a request that came in before the answer", async () => {
    const places = global(10);
    const cameIn = Date.now();
    await vi.advanceTimersByTimeAsync(500);
    expect(await takeAll(places, 1)).toBe(1);
    places.give();
    expect(places.hasRoom(cameIn)).toBe(true);
  });

  it("is not held up by a clock that goes back", async () => {
    const places = global(10);
    limits.occupy(9, 10);
    expect(await takeAll(places)).toBe(1);
    vi.setSystemTime(Date.now() - 3_600_000);
    limits.occupy(5, 10);
    expect(await takeAll(places, 2)).toBe(2);
    const asked = limits.requests.length;
    await vi.advanceTimersByTimeAsync(LEASE_LIMITS.LEASE_MS);
    await tendLeases(limits.env);
    expect(limits.requests.length).toBeGreaterThan(asked);
    giveAll(places);
  });

  it("gives back what it does not need with the rounds that follow", async () => {
    const places = global(10);
    await takeAll(places);
    expect(limits.occupy(10, 10)).toBe(0);
    for (let i = 0; i < 6; i++) places.give();
    await tendLeases(limits.env);
    await tendLeases(limits.env);
    expect(limits.occupy(10, 10)).toBe(6);
    giveAll(places);
    expect(holdsLeases()).toBe(true);
    await tendLeases(limits.env);
    expect(limits.occupy(10, 10)).toBe(10);
    expect(holdsLeases()).toBe(false);
  });

  it("renews a lease in time, and only then", async () => {
    const places = global(10);
    await takeAll(places);
    const before = limits.requests.length;
    for (let second = 0; second < 60; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      await tendLeases(limits.env);
    }
    expect(limits.occupy(10, 10)).toBe(0);
    expect(limits.requests.length - before).toBeLessThanOrEqual(8);
    giveAll(places);
  });

  it("goes on with the last lease when the object does not answer, and makes up with it later", async () => {
    const places = global(10);
    const got = await takeAll(places, 2);
    expect(got).toBe(2);
    limits.failing = true;
    await vi.advanceTimersByTimeAsync(2 * LEASE_LIMITS.LEASE_MS);
    await tendLeases(limits.env);
    places.give();
    expect(await takeAll(places, 1)).toBe(1);
    limits.failing = false;
    await vi.advanceTimersByTimeAsync(LEASE_LIMITS.RETRY_MS);
    await tendLeases(limits.env);
    expect(limits.occupy(10, 10)).toBeLessThanOrEqual(8);
    giveAll(places);
  });

  it("lets somebody in also when it never had an answer", async () => {
    limits.failing = true;
    const places = global(100);
    expect(await takeAll(places)).toBe(10);
    giveAll(places);
  });

  it("lets somebody in also when the object takes a request and never answers", async () => {
    limits.hanging = true;
    const places = global(100);
    const got = takeAll(places, 5);
    await vi.advanceTimersByTimeAsync(LEASE_LIMITS.ASK_DEADLINE_MS);
    expect(await got).toBe(5);
    giveAll(places);
  });

  it("never holds more than the limit together with others, in a crowd", async () => {
    const places = global(20);
    limits.occupy(5, 20);
    const taken = await Promise.all(Array.from({ length: 40 }, () => takeAll(places, 1)));
    const sum = taken.reduce((all, one) => all + one, 0);
    expect(sum).toBe(places.active);
    expect(sum).toBe(15);
    giveAll(places);
  });

  it("refuses nobody while the object has places, also where others were quicker to take what it granted", async () => {
    const places = global(100);
    /** Requests of other contexts: each takes its place before the next one looks. */
    const quicker = (async () => {
      for (let turn = 0; turn < 200 && !places.hasRoom(Date.now()); turn++) await null;
      while (places.hasRoom(Date.now())) places.take();
    })();
    expect(await takeAll(places, 1)).toBe(1);
    await quicker;
    expect(places.active).toBe(11);
    giveAll(places);
  });

  it("makes a crowd that is too large to wait try no more than once each", async () => {
    limits.hanging = true;
    const places = global(10);
    const crowd = Array.from({ length: ACCESS_LIMITS.WAITING_MAX + 50 }, () => takeAll(places, 1));
    await vi.advanceTimersByTimeAsync(LEASE_LIMITS.ASK_DEADLINE_MS);
    await Promise.all(crowd);
    expect(limits.requests).toHaveLength(1);
    giveAll(places);
  });
});
