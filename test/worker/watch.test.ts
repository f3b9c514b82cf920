import { createExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../shared/flow/ledger.ts";
import { WATCH_LIMITS } from "../../shared/limits.ts";
import type { Env } from "../../worker/env.ts";
import type { Exchange } from "../../worker/exchange.ts";
import { Meter } from "../../worker/stats/meter.ts";
import { type Host, keepWatch, type Wait, type Watched, watch } from "../../worker/watch.ts";

const ROUND_MS = WATCH_LIMITS.INTERVAL_MS + WATCH_LIMITS.ANSWER_MS;

class FakeRequest implements Watched {
  readonly client = new AbortController();
  readonly x: Exchange;
  readonly missesMax = 1;
  readonly wait: Wait;
  /** Milliseconds for which it asks to be left alone. */
  rest = 0;
  rounds = 0;
  lefts: Host[] = [];

  constructor() {
    const ctx = createExecutionContext();
    vi.spyOn(ctx, "waitUntil").mockImplementation(() => undefined);
    const meter = new Meter(new Ledger({ source: "iso", origin: "edge", name: "edge" }));
    vi.spyOn(meter, "touch").mockImplementation(() => undefined);
    const request = { signal: this.client.signal };
    this.x = { request, ctx, env: {} as Env, meter } as unknown as Exchange;
    this.wait = watch(this);
    keepWatch(this.x, Date.now());
  }

  round(): number {
    this.rounds++;
    return this.rest;
  }

  left(host: Host): void {
    this.lefts.push(host);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(scheduler, "wait").mockImplementation((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
});

afterEach(async () => {
  // The isolate's round ends before the next test begins its own.
  await vi.advanceTimersByTimeAsync(10 * ROUND_MS);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("watch", () => {
  it("calls whoever still waits every round, and says once that the wait is no longer short", async () => {
    const request = new FakeRequest();
    const slow = vi.fn();
    request.wait.whenSlow(slow);
    await vi.advanceTimersByTimeAsync(4 * ROUND_MS);
    expect(request.rounds).toBeGreaterThanOrEqual(4);
    expect(slow).toHaveBeenCalledTimes(1);
    request.wait.end();
    const { rounds } = request;
    await vi.advanceTimersByTimeAsync(4 * ROUND_MS);
    expect(request.rounds).toBe(rounds);
    expect(request.lefts).toEqual([]);
  });

  it("leaves alone who asked for it, and goes on after that", async () => {
    const request = new FakeRequest();
    request.rest = 10_000;
    await vi.advanceTimersByTimeAsync(9_000);
    expect(request.rounds).toBe(1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(request.rounds).toBe(2);
    request.wait.end();
  });

  it("tells once of a client that has left, at once when it is known to be slow", async () => {
    const request = new FakeRequest();
    await vi.advanceTimersByTimeAsync(2 * ROUND_MS);
    request.client.abort();
    expect(request.lefts).toEqual([request.x]);
    await vi.advanceTimersByTimeAsync(4 * ROUND_MS);
    expect(request.lefts).toEqual([request.x]);
  });

  it("tells of a client that left before the first round", async () => {
    const request = new FakeRequest();
    request.client.abort();
    expect(request.lefts).toEqual([]);
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    expect([request.lefts, request.rounds]).toEqual([[request.x], 0]);
  });
});
