// Conformance of WebSocket proxies, second part: how sockets end, and that nothing of them stays behind.

import { describe, expect } from "vitest";
import type { WebSocket } from "ws";
import type { Rule, Way } from "./proxy-under-test.ts";
import { closeOf, drained, type Open, type Pair, receive, type SocketUpstream } from "./socket-upstream.ts";

export function closeRules(rule: Rule, open: Open): void {
  describe("a close", () => {
    const sides = ["client", "upstream"] as const;
    for (const [index, side] of sides.entries())
      rule(`of the ${side} is relayed with code and reason, and so is the answer to it`, async (way) => {
        for (const [code, reason] of [
          [1000, ""],
          [4001, "enough"],
          [3000, "grüße 😀"],
          [1012, "restart"],
        ] as const) {
          const pair = await open(way);
          const closes = pair.map(closeOf);
          pair[index]?.close(code, reason);
          expect(await Promise.all(closes)).toEqual([
            [code, reason],
            [code, reason],
          ]);
        }
      });

    for (const [index, side] of sides.entries())
      rule(`of the ${side} without a code is relayed as one without a code`, async (way) => {
        const pair = await open(way);
        const closes = pair.map(closeOf);
        pair[index]?.close();
        expect((await Promise.all(closes))[1 - index]).toEqual([1005, ""]);
      });

    for (const [index, side] of sides.entries())
      rule(
        `that is none, of the ${side}, is told to the other side as ${index === 0 ? 1001 : 1011}`,
        async (way) => {
          const pair = await open(way);
          const told = closeOf(pair[1 - index] as WebSocket);
          pair[index]?.terminate();
          expect((await told)[0]).toBe(index === 0 ? 1001 : 1011);
        },
      );

    for (const [index, side] of sides.entries())
      rule(`of the ${side} with a code that none may send ends both sides`, async (way) => {
        for (const code of [999, 1006, 1015]) {
          const pair = await open(way);
          const closes = pair.map(closeOf);
          const frame = [0x88, 2 | (index === 0 ? 0x80 : 0), ...(index === 0 ? [0, 0, 0, 0] : [])];
          rawSocket(pair[index] as WebSocket).write(Buffer.from([...frame, code >> 8, code & 0xff]));
          const codes = (await Promise.all(closes)).map(([told]) => told);
          for (const told of codes) expect([1001, 1002, 1005, 1006, 1011], String(code)).toContain(told);
        }
      });

    rule("follows everything that was sent before it", async (way) => {
      const [client, server] = await open(way);
      const received = receive(client, 500);
      const closed = closeOf(client);
      for (let i = 0; i < 500; i++) server.send("x".repeat(1_000));
      server.close(4000, "last");
      expect((await received).length).toBe(500);
      expect(await closed).toEqual([4000, "last"]);
    });

    for (const [what, frame] of Object.entries({
      "reserved bits": [0xf1, 0x80, 0, 0, 0, 0],
      "an unknown opcode": [0x83, 0x80, 0, 0, 0, 0],
      "a fragmented ping": [0x09, 0x80, 0, 0, 0, 0],
    }))
      rule(`ends both sides after ${what} of the client`, async (way) => {
        const [client, server] = await open(way);
        const closes = [closeOf(client), closeOf(server)];
        rawSocket(client).write(Buffer.from(frame));
        const [atClient, atServer] = await Promise.all(closes);
        expect([1002, 1006]).toContain(atClient?.[0]);
        expect([1001, 1002, 1006]).toContain(atServer?.[0]);
      });
  });
}

function rawSocket(socket: WebSocket): NodeJS.WritableStream {
  return (socket as unknown as { _socket: NodeJS.WritableStream })._socket;
}

const CYCLES = 300;
const AT_ONCE = 20;

export function countRules(rule: Rule, at: { open: Open; upstream: () => SocketUpstream }): void {
  describe("many sockets", () => {
    rule("leave nothing behind at the upstream, however they end", async (way) => {
      const ends: ((pair: Pair) => void)[] = [
        ([client]) => client.close(1000),
        ([, server]) => server.close(1000),
        ([client]) => client.terminate(),
        ([, server]) => server.terminate(),
        (pair) => {
          for (const socket of pair) socket.close();
        },
      ];
      let cycle = 0;
      async function lane(): Promise<void> {
        while (cycle < CYCLES) {
          const pair = await openOne(at.open, way);
          const closed = Promise.all(pair.map(closeOf));
          ends[cycle++ % ends.length]?.(pair);
          await closed;
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      await drained(at.upstream(), 0);
      expect(at.upstream().server.clients.size).toBe(0);
    });
  });
}

let opening: Promise<unknown> = Promise.resolve();

/** One at a time, so that each client is told from the others by its server's socket. */
function openOne(open: Open, way: Way): Promise<Pair> {
  const pair = opening.then(() => open(way));
  opening = pair.catch(() => undefined);
  return pair;
}
