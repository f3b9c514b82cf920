import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BACKGROUND_LIMITS } from "../../shared/limits.ts";
import { BackgroundLoop, type BackgroundWork, releaseContext } from "../../worker/background.ts";
import type { Env } from "../../worker/env.ts";

const env = {} as Env;
const INTERVAL_MS = 1_000;

class FakeWork implements BackgroundWork {
  readonly intervalMs = INTERVAL_MS;
  readonly deadlineMs = 5_000;
  pending = true;
  rounds = 0;
  succeeds = true;

  async round(): Promise<boolean> {
    this.rounds++;
    return this.succeeds;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(scheduler, "wait").mockImplementation((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("BackgroundLoop", () => {
  it("runs once per interval while there is work, then lets the context end", async () => {
    const work = new FakeWork();
    const ctx = createExecutionContext();
    new BackgroundLoop(work).touch(env, ctx);
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(work.rounds).toBe(3);
    work.pending = false;
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(work.rounds).toBe(4);
    await waitOnExecutionContext(ctx);
  });

  it("waits longer after each failure, within a bound", async () => {
    const work = new FakeWork();
    work.succeeds = false;
    new BackgroundLoop(work).touch(env, createExecutionContext());
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(work.rounds).toBe(1);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(work.rounds).toBe(2);
    await vi.advanceTimersByTimeAsync(10 * BACKGROUND_LIMITS.RETRY_MAX_MS);
    expect(work.rounds).toBeGreaterThan(2);
  });

  it("ends after one more round in a context whose client has left, and only there", async () => {
    const work = new FakeWork();
    const loop = new BackgroundLoop(work);
    const ctx = createExecutionContext();
    loop.touch(env, ctx);
    releaseContext(createExecutionContext());
    await vi.advanceTimersByTimeAsync(2 * INTERVAL_MS);
    expect(work.rounds).toBe(2);
    releaseContext(ctx);
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    expect(work.rounds).toBe(3);
    await waitOnExecutionContext(ctx);
    loop.touch(env, createExecutionContext());
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(work.rounds).toBe(4);
  });
});
