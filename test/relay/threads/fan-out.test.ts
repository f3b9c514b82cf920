// A listener of several threads as the main thread sees it, with threads that answer what the test says.

import { describe, expect, it, vi } from "vitest";
import { PortTakenError } from "../../../relay/serve/listen.ts";
import { FanOutEntry, type Threads } from "../../../relay/threads/fan-out.ts";
import type { Command } from "../../../relay/threads/messages.ts";
import { ThreadRefusal } from "../../../relay/threads/thread-handle.ts";
import { closedPort, inboundConfig } from "../harness.ts";

/** Threads that find their port taken so many times. */
function entryOn(listen: string, timesTaken: number) {
  const asked: number[] = [];
  const order = async (command: Command) => {
    if (command.do !== "start") return [];
    asked.push(command.port);
    if (asked.length <= timesTaken) throw new ThreadRefusal({ ok: false, isTaken: true, message: "taken" });
    return [{ address: "127.0.0.1", port: command.port }];
  };
  const nothing = { settled: async () => undefined, join: vi.fn(), leave: vi.fn(), freeEntry: vi.fn() };
  const threads = { ...nothing, order, takeEntry: () => 1 } as unknown as Threads;
  const deps = { emit: () => undefined, service: "test" };
  const entry = new FanOutEntry({ config: inboundConfig({ listen }), setting: "a test's", deps, threads });
  return { listener: entry.listeners[0], asked };
}

describe("FanOutListener.start", () => {
  it("takes another free port when somebody was quicker than its threads", async () => {
    const { listener, asked } = entryOn("127.0.0.1:0", 2);
    await listener?.start();
    expect(asked).toHaveLength(3);
    expect(listener?.port).toBe(asked[2]);
  });

  it("gives up after a few, and never looks for another than the one it was told", async () => {
    await expect(entryOn("127.0.0.1:0", 1_000).listener?.start()).rejects.toThrow(PortTakenError);
    const told = entryOn(`127.0.0.1:${await closedPort()}`, 1);
    await expect(told.listener?.start()).rejects.toThrow(PortTakenError);
    expect(told.asked).toHaveLength(1);
  });
});
