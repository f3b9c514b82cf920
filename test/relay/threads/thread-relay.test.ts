// The relay within a thread, spoken to as the main thread does, in this one.

import { describe, expect, it, onTestFinished } from "vitest";
import type { Command, CommandAnswer, FromThread } from "../../../relay/threads/messages.ts";
import { SharedMemory } from "../../../relay/threads/shared-memory.ts";
import { ThreadRelay } from "../../../relay/threads/thread-relay.ts";
import { closedPort, inboundConfig, openSocks, relayConfig, startEcho, startTarget } from "../harness.ts";

interface Spoken {
  readonly relay: ThreadRelay;
  readonly said: FromThread[];
  order(command: Command): Promise<CommandAnswer>;
}

function speak(): Spoken {
  const said: FromThread[] = [];
  const waiting = new Map<number, (answer: CommandAnswer) => void>();
  const port = {
    postMessage(message: FromThread) {
      said.push(message);
      if (message.type === "done") waiting.get(message.id)?.(message.answer);
    },
  };
  const memory = SharedMemory.allocate(2, 8);
  const relay = new ThreadRelay(port, {
    index: 0,
    memory: memory.handle,
    source: "source",
    flows: { first: 2, step: 3 },
    config: relayConfig(),
    own: [],
    parts: {},
    unwanted: ["connection_opened"],
  });
  let id = 0;
  const order = (command: Command): Promise<CommandAnswer> =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      relay.hear({ type: "command", id, command });
    });
  onTestFinished(async () => {
    for (const entry of [1, 2]) {
      await order({ do: "stop_accepting", entry, listener: 0 });
      await order({ do: "close", entry, listener: 0 });
    }
  });
  return { relay, said, order };
}

function start(port: number, raw: Readonly<Record<string, unknown>> = {}): Extract<Command, { do: "start" }> {
  const config = inboundConfig(raw);
  return { do: "start", entry: 1, listener: 0, config, setting: "a setting", port, reusePort: true };
}

describe("ThreadRelay", () => {
  it("listens where it is told to, whatever the configuration says, and once", async () => {
    const { order } = speak();
    const port = await closedPort();
    const bound = { ok: true, bound: { address: "127.0.0.1", port } };
    expect(await order(start(port, { listen: "127.0.0.1:9" }))).toEqual(bound);
    expect(await order(start(port, { listen: "127.0.0.1:9" }))).toEqual(bound);
  });

  it("says that a port is taken, and has forgotten the entry when its number is another's", async () => {
    const { order } = speak();
    const taken = await startTarget(() => undefined);
    expect(await order(start(taken))).toMatchObject({ ok: false, isTaken: true });
    await order({ do: "close", entry: 1, listener: 0 });
    const target = await startEcho();
    const port = await closedPort();
    const forward = { kind: "tcp", target: `127.0.0.1:${target}` };
    expect(await order(start(port, forward))).toMatchObject({ ok: true });
    // A forward says no word of SOCKS, but sends back what it gets.
    await expect(openSocks(port, "127.0.0.1", target)).rejects.toThrow();
  });

  it("tells what happened before it answers, and leaves out what nobody wants", async () => {
    const { order, said } = speak();
    const port = await closedPort();
    await order(start(port));
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    await client.send("12345").take(5);
    client.socket.end();
    await client.rest();
    await order({ do: "empty", entry: 1 });
    const notes = said.flatMap((message) => (message.type === "parcel" ? message.notes : []));
    expect(notes.map(({ note }) => note)).toEqual(["page", "opened", "closed", "event"]);
    expect(notes[1]).toMatchObject({ number: 2, closable: true, init: { kind: "socks" } });
    expect(notes[2]).toMatchObject({ number: 2, up: 5, down: 5, reason: "done" });
    expect(notes[3]).toMatchObject({ event: { type: "connection_closed", id: "source-2" } });
    expect(said.at(-1)?.type).toBe("done");
  });

  it("breaks off what it is told to", async () => {
    const { relay, order } = speak();
    const port = await closedPort();
    await order(start(port));
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    relay.hear({ type: "notice", notice: { do: "cut", flow: 2, cause: "order" } });
    await client.closed();
    const other = await openSocks(port, "127.0.0.1", await startEcho());
    relay.hear({ type: "notice", notice: { do: "abort", entry: undefined } });
    await other.closed();
  });
});
