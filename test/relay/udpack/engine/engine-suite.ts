// What every UDP engine must do, as a function of how it is opened.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { OpenEngine, PacketEngine, Remote } from "../../../../relay/udpack/engine/engine.ts";
import { UDPACK_ENGINE_LIMITS } from "../../../../shared/limits.ts";
import { namedPort } from "../../../support/named-port.ts";

const NOBODY = { received() {}, drained() {}, ended() {} } as const;

interface Received {
  readonly data: Buffer;
  readonly remote: Remote;
}

/** An engine with everything it received, and a wait for so many bytes. */
export interface Listening {
  readonly engine: PacketEngine;
  readonly received: Received[];
  bytes(count: number): Promise<Buffer>;
}

/** Opens an engine on loopback that collects what it receives. */
export async function listening(open: OpenEngine, address = "127.0.0.1"): Promise<Listening> {
  const received: Received[] = [];
  const waits: { count: number; done: (bytes: Buffer) => void }[] = [];
  const all = () => Buffer.concat(received.map(({ data }) => data));
  const engine = await open({
    address,
    port: 0,
    listener: {
      received(data, remote) {
        received.push({ data: Buffer.from(data), remote });
        const bytes = all();
        for (const wait of waits) if (bytes.length >= wait.count) wait.done(bytes);
      },
      drained() {},
      ended() {},
    },
  });
  return {
    engine,
    received,
    bytes: (count) =>
      new Promise((done) => {
        if (all().length >= count) done(all());
        else waits.push({ count, done });
      }),
  };
}

/** Writes `parts` behind each other into the engine's batch and returns their length. */
export function writeBatch(engine: PacketEngine, parts: readonly Uint8Array[]): number {
  let at = 0;
  const batch = engine.batch();
  for (const part of parts) {
    batch.set(part, at);
    at += part.length;
  }
  return at;
}

export function patterned(bytes: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 13 + (at >> 7) + seed) & 0xff));
}

/** The suite. `kind` is what the engine must call itself. */
export function engineSuite(name: string, open: OpenEngine, kind: PacketEngine["kind"]): void {
  describe(name, () => {
    const opened: Listening[] = [];
    const pair = async (address?: string) => {
      const both = [await listening(open, address), await listening(open, address)] as const;
      opened.push(...both);
      return both;
    };
    afterEach(() => {
      for (const { engine } of opened.splice(0)) engine.close();
    });

    it("says which engine it is, where it is bound and what buffers it was granted", async () => {
      const [{ engine }] = await pair();
      expect(engine.kind).toBe(kind);
      expect(engine.local.address).toBe("127.0.0.1");
      expect(engine.local.port).toBeGreaterThan(0);
      expect(engine.receiveBufferBytes).toBeGreaterThanOrEqual(64 * 1024);
      expect(engine.sendBufferBytes).toBeGreaterThanOrEqual(64 * 1024);
      expect(engine.reliable).toBe(false);
    });

    for (const address of ["127.0.0.1", "::1"]) {
      it(`carries single datagrams and batches unchanged over ${address}`, async () => {
        const [a, b] = await pair(address);
        const sizes = [[25], [1_200], [1_200, 1_200, 1_200], [1_400, 1_400, 600], [1_472], [300, 300, 1]];
        const expected: Buffer[] = [];
        for (const [batch, segments] of sizes.entries()) {
          const parts = segments.map((bytes, index) => patterned(bytes, batch * 10 + index));
          expected.push(...parts);
          a.engine.send(writeBatch(a.engine, parts), segments[0] ?? 0, b.engine.local);
        }
        const whole = Buffer.concat(expected);
        expect((await b.bytes(whole.length)).equals(whole)).toBe(true);
        expect(b.received[0]?.remote.port).toBe(a.engine.local.port);
        expect(b.received[0]?.remote.address).toBe(address);
        expect(a.engine.counters.sentDatagrams).toBe(expected.length);
        expect(a.engine.counters.sendErrors).toBe(0);
      });
    }

    it("cuts a batch into datagrams of exactly the segment's size", async () => {
      const [a] = await pair();
      const plain = createSocket("udp4").bind(0, "127.0.0.1");
      await once(plain, "listening");
      const lengths: number[] = [];
      const four = new Promise<void>((resolve) => {
        plain.on("message", (data) => {
          lengths.push(data.length);
          if (lengths.length === 4) resolve();
        });
      });
      const parts = [1_250, 1_250, 1_250, 77].map((bytes) => patterned(bytes, bytes));
      a.engine.send(writeBatch(a.engine, parts), 1_250, { address: "127.0.0.1", port: plain.address().port });
      await four;
      plain.close();
      expect(lengths).toEqual([1_250, 1_250, 1_250, 77]);
    });

    it("does not cut a single datagram by the segment size of an earlier batch", async () => {
      const [a, b] = await pair();
      a.engine.send(writeBatch(a.engine, [patterned(1_200, 1), patterned(1_200, 2)]), 1_200, b.engine.local);
      await b.bytes(2_400);
      const before = b.received.length;
      a.engine.send(writeBatch(a.engine, [patterned(1_450, 3)]), 1_450, b.engine.local);
      await b.bytes(3_850);
      expect(b.received.slice(before).map(({ data }) => data.length)).toEqual([1_450]);
    });

    it("sends the largest batch that its buffer takes", async () => {
      const [a, b] = await pair();
      const count = Math.floor(UDPACK_ENGINE_LIMITS.BATCH_BYTES / 1_200);
      const parts = Array.from({ length: count }, (_, index) => patterned(1_200, index));
      a.engine.send(writeBatch(a.engine, parts), 1_200, b.engine.local);
      expect((await b.bytes(count * 1_200)).equals(Buffer.concat(parts))).toBe(true);
    });

    it("loses what the system refuses, and goes on", async () => {
      const [a, b] = await pair();
      // 255.255.255.255 needs SO_BROADCAST: EACCES, like a firewall's or a missing route's answer.
      a.engine.send(writeBatch(a.engine, [patterned(100, 1)]), 100, { address: "255.255.255.255", port: 9 });
      a.engine.send(writeBatch(a.engine, [patterned(100, 2)]), 100, { address: "::1", port: 9 });
      a.engine.send(writeBatch(a.engine, [patterned(100, 3)]), 100, { address: "127.0.0.1", port: 0 });
      a.engine.send(writeBatch(a.engine, [patterned(100, 4)]), 100, b.engine.local);
      expect((await b.bytes(100)).equals(patterned(100, 4))).toBe(true);
      expect(a.engine.counters.sendErrors).toBe(3);
      expect(a.engine.kind).toBe(kind);
    });

    it("goes on after nobody listened at a port", async () => {
      const [a, b] = await pair();
      const gone = await listening(open);
      gone.engine.close();
      a.engine.send(writeBatch(a.engine, [patterned(50, 1)]), 50, gone.engine.local);
      a.engine.send(writeBatch(a.engine, [patterned(50, 2)]), 50, b.engine.local);
      expect((await b.bytes(50)).equals(patterned(50, 2))).toBe(true);
    });

    it("refuses a port that is taken", async () => {
      const [{ engine }] = await pair();
      const again = open({ ...engine.local, listener: NOBODY });
      await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
    });

    it("neither sends nor throws once closed, and frees its port", async () => {
      const [, b] = await pair();
      const engine = await open({ address: "127.0.0.1", port: await namedPort(), listener: NOBODY });
      const { local } = engine;
      engine.close();
      engine.close();
      engine.send(writeBatch(engine, [patterned(10, 1)]), 10, b.engine.local);
      expect(engine.backlogBytes()).toBe(0);
      const again = await open({ ...local, listener: NOBODY });
      expect(again.local.port).toBe(local.port);
      again.close();
    });
  });
}
