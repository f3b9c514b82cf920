// The set of inbounds by itself, with listeners that open when the test says so.

import { describe, expect, it, vi } from "vitest";
import type { Crowd } from "../../relay/inbound/connections.ts";
import type { Inbound, InboundDeps } from "../../relay/inbound/inbound.ts";
import type { BuiltInbound, InboundWish } from "../../relay/inbound-entry.ts";
import { InboundSet } from "../../relay/inbound-set.ts";
import { inboundConfig } from "./harness.ts";

/** A listener that opens slowly. */
class SlowListener implements Inbound {
  readonly kind = "mixed";
  readonly address = "127.0.0.1";
  readonly port = 1;
  readonly opening = Promise.withResolvers<void>();
  readonly start = vi.fn(() => this.opening.promise);
  readonly stopAccepting = vi.fn();
  readonly close = vi.fn(async () => undefined);

  get isAccepting(): boolean {
    return this.start.mock.calls.length > 0 && this.stopAccepting.mock.calls.length === 0;
  }
}

const NOBODY: Crowd = { size: 0, empty: async () => undefined, abort: () => undefined };

function wish(origin: InboundWish["origin"], key = "1"): InboundWish {
  return { config: inboundConfig(), origin, key, setting: "a test's" };
}

function setOf(wishes: readonly InboundWish[]) {
  const listeners: SlowListener[] = [];
  const build = (): BuiltInbound => {
    const listener = new SlowListener();
    listeners.push(listener);
    return {
      listeners: [listener],
      deps: { service: "test", auth: "none" } as InboundDeps,
      connections: NOBODY,
    };
  };
  return { set: new InboundSet(wishes, { build, onChange: () => undefined }), listeners };
}

describe("InboundSet.stopAccepting", () => {
  it("holds for an inbound that is just being started by order", async () => {
    const { set, listeners } = setOf([]);
    const started = set.start(wish("order"));
    await vi.waitFor(() => expect(listeners[0]?.start).toHaveBeenCalled());
    set.stopAccepting();
    listeners[0]?.opening.resolve();
    await expect(started).rejects.toMatchObject({ code: "relay_stopping" });
    expect(listeners[0]?.isAccepting).toBe(false);
    expect(listeners[0]?.close).toHaveBeenCalled();
    await set.close();
  });

  it("holds for all that a reload is just starting", async () => {
    const { set, listeners } = setOf([]);
    const reloaded = set.reload([wish("config", "1"), wish("config", "2")]).catch(() => undefined);
    await vi.waitFor(() => expect(listeners[0]?.start).toHaveBeenCalled());
    set.stopAccepting();
    for (const { opening } of listeners) opening.resolve();
    await reloaded;
    expect(listeners.map(({ isAccepting }) => isAccepting)).toEqual([false, false]);
    await set.close();
  });

  it("holds for a relay that is still starting", async () => {
    const { set, listeners } = setOf([wish("config", "1"), wish("config", "2")]);
    const started = set.startAll();
    set.stopAccepting();
    for (const { opening } of listeners) opening.resolve();
    await expect(started).rejects.toMatchObject({ code: "relay_stopping" });
    expect(listeners.map(({ isAccepting }) => isAccepting)).toEqual([false, false]);
    await set.close();
  });
});
