import { afterEach, describe, expect, it, vi } from "vitest";
import { CACHE_LIMITS } from "../../../shared/limits.ts";
import { ALONE, Flights } from "../../../worker/cache/flights.ts";

const ctx = { waitUntil: (_work: Promise<unknown>) => undefined };

afterEach(() => {
  vi.useRealTimers();
});

describe("Flights", () => {
  it("gives every follower the leader's outcome, then is over", async () => {
    const flights = new Flights<string>();
    expect(flights.follow("a")).toBeUndefined();
    const land = flights.lead("a", ctx);
    const followers = [flights.follow("a"), flights.follow("a")];
    expect(flights.follow("b")).toBeUndefined();
    land("done");
    expect(await Promise.all(followers)).toEqual(["done", "done"]);
    expect(flights.follow("a")).toBeUndefined();
  });

  it("keeps the leader's context alive until it has landed", async () => {
    const kept: Promise<unknown>[] = [];
    const land = new Flights<string>().lead("a", { waitUntil: (work) => void kept.push(work) });
    let over = false;
    const watch = kept[0]?.then(() => {
      over = true;
    });
    await Promise.resolve();
    expect(over).toBe(false);
    land("done");
    await watch;
    expect(over).toBe(true);
  });

  it("lets followers of a leader that died fetch by themselves, and a new leader begin", async () => {
    vi.useFakeTimers();
    const flights = new Flights<string>();
    flights.lead("a", ctx);
    const follower = flights.follow("a");
    await vi.advanceTimersByTimeAsync(CACHE_LIMITS.FOLLOW_TIMEOUT_MS);
    expect(await follower).toBe(ALONE);
    expect(flights.follow("a")).toBeUndefined();
  });

  it("holds a bounded number of flights whose leaders died", () => {
    const flights = new Flights<string>();
    for (let n = 0; n <= CACHE_LIMITS.FLIGHTS_MAX; n++) flights.lead(String(n), ctx);
    expect(flights.follow("0")).toBeUndefined();
    expect(flights.follow("1")).toBeDefined();
  });

  it("does not let a late leader end its successor's flight", () => {
    const flights = new Flights<string>();
    const late = flights.lead("a", ctx);
    flights.lead("a", ctx);
    late("late");
    expect(flights.follow("a")).toBeDefined();
  });
});
