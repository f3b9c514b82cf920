import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { CloseReason, Flow } from "../../../shared/flow/flow.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import type { Env } from "../../../worker/env.ts";
import { meterBody } from "../../../worker/stats/body.ts";
import { Meter } from "../../../worker/stats/meter.ts";
import { flowInit } from "../../shared/flow/batches.ts";
import { statsObject, until } from "./support.ts";

type Body = ReadableStream<Uint8Array>;

interface Metered {
  readonly body: Body;
  readonly flow: Flow;
  readonly ends: CloseReason[];
  readonly settled: () => Promise<void>;
  /** What the runtime does to the request's signal when the client has gone, and the watch when it notices. */
  readonly clientLeaves: () => void;
  /** A round of the watch. */
  readonly look: (now: number) => void;
}

const KIB = 1024;

function metered(source: Body | Uint8Array, length: number | undefined, idleMs = 60_000): Metered {
  const ctx = createExecutionContext();
  const meter = new Meter(new Ledger({ source: "iso", origin: "edge", name: "edge" }));
  vi.spyOn(meter, "touch").mockImplementation(() => undefined);
  const flow = meter.open(flowInit());
  const ends: CloseReason[] = [];
  const client = new AbortController();
  const x = { ctx, env: {} as Env, meter, request: { signal: client.signal } as Request };
  const onEnd = (reason: CloseReason) => {
    ends.push(reason);
    meter.close(flow, reason);
  };
  const { body, mover } = meterBody(source, { length, flow, x, idleMs, onEnd });
  return {
    body: body as Body,
    flow,
    ends,
    settled: () => waitOnExecutionContext(ctx),
    clientLeaves() {
      client.abort();
      mover?.leave();
    },
    look: (now) => mover?.check(now, 0),
  };
}

interface Origin {
  /** A body as `fetch` gives it: one that the runtime reads from outside this isolate. */
  readonly body: Body;
  /** Called when the reader has left. */
  readonly gone: ReturnType<typeof vi.fn>;
}

let origins = 0;

/** Asks an object that answers `total` bytes in chunks, then ends, breaks off, or says nothing more. */
async function origin(
  total: number,
  length: number | undefined,
  { end = "close", chunk = 10_000 }: { end?: "close" | "break" | "hang"; chunk?: number } = {},
): Promise<Origin> {
  const gone = vi.fn();
  async function answer(): Promise<Response> {
    const { readable, writable } =
      length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
    const writer = writable.getWriter();
    writer.closed.catch(gone);
    async function write(): Promise<void> {
      for (let at = 0; at < total; at += chunk) await writer.write(pattern(at, Math.min(chunk, total - at)));
      if (end === "break") await writer.abort(new Error("connection reset"));
      else if (end === "close") await writer.close();
    }
    write().catch(gone);
    return new Response(readable);
  }
  const object = statsObject(`origin-${origins++}`);
  await runInDurableObject(object, (instance) => {
    vi.spyOn(instance, "fetch").mockImplementation(answer);
  });
  const { body } = await object.fetch("http://origin.test/");
  if (!body) throw new Error("Cannot read the origin's answer: it has no body, expected one");
  return { body, gone };
}

function pattern(at: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (at + i) % 251);
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

async function bytesOf(body: Body): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body).arrayBuffer());
}

const SIZES = [0, 1, 16 * KIB, 16 * KIB + 1, KIB * KIB, KIB * KIB + 1, 3 * KIB * KIB + 17];

describe("meterBody", () => {
  it("counts a buffered body at once and gives it back as it is", () => {
    const bytes = pattern(0, 100);
    const { body, flow, ends } = metered(bytes as unknown as Body, 100);
    expect(body).toBe(bytes);
    expect(flow.down).toBe(100);
    expect(ends).toEqual(["done"]);
  });

  for (const length of SIZES) {
    for (const known of [true, false]) {
      it(`passes and counts ${length} bytes of ${known ? "known" : "unknown"} length exactly`, async () => {
        const announced = known ? length : undefined;
        const source = await origin(length, announced, { chunk: 70_001 });
        const { body, flow, ends, settled } = metered(source.body, announced);
        expect(await bytesOf(body)).toEqual(pattern(0, length));
        await settled();
        expect(flow.down).toBe(length);
        expect(ends).toEqual(["done"]);
      });
    }
  }

  it("passes on a large buffer unchanged", async () => {
    const bytes = pattern(0, 600 * KIB);
    const { body, flow, ends, settled } = metered(bytes, bytes.byteLength);
    expect(await bytesOf(body)).toEqual(bytes);
    await settled();
    expect([flow.down, ends]).toEqual([bytes.byteLength, ["done"]]);
  });

  it("counts what was taken of a large buffer when the client leaves", async () => {
    const { body, flow, ends, settled } = metered(pattern(0, 1024 * KIB), 1024 * KIB);
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    await settled();
    expect(ends).toEqual(["aborted"]);
    expect(flow.down).toBeLessThan(1024 * KIB);
  });

  it("counts a long transfer while it lasts", async () => {
    const source = await origin(30_000, undefined, { end: "hang" });
    const { body, flow } = metered(source.body, undefined);
    const reader = body.getReader();
    for (let got = 0; got < 30_000; ) got += (await reader.read()).value?.byteLength ?? 0;
    await until(() => flow.down === 30_000);
    await reader.cancel();
  });

  it("reads streams that are no byte streams", async () => {
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(pattern(0, 1_000));
        controller.close();
      },
    });
    const { body, flow, settled } = metered(source, undefined);
    expect(await bytesOf(body)).toEqual(pattern(0, 1_000));
    await settled();
    expect(flow.down).toBe(1_000);
  });

  describe.each([
    ["short, known", 100 * KIB],
    ["long, known", 2 * KIB * KIB],
    ["unknown", undefined],
  ])("of %s length", (_, length) => {
    it("breaks the reader's body when the upstream breaks, and says failed", async () => {
      const source = await origin(20_000, length, { end: "break" });
      const { body, ends, settled } = metered(source.body, length);
      await expect(bytesOf(body)).rejects.toThrow();
      await settled();
      expect(ends).toEqual(["failed"]);
    });

    it("cancels the upstream when the client leaves, and says aborted", async () => {
      const source = await origin(length ?? 4 * KIB * KIB, length);
      const { body, flow, ends, settled, clientLeaves } = metered(source.body, length);
      const reader = body.getReader();
      await reader.read();
      await reader.cancel(new Error("client left"));
      clientLeaves();
      await settled();
      await until(() => source.gone.mock.calls.length > 0);
      expect(ends).toEqual(["aborted"]);
      expect(flow.down).toBeLessThan(length ?? 4 * KIB * KIB);
    });

    it("notices a client that leaves while the upstream is silent", async () => {
      const source = await origin(1_000, length, { end: "hang" });
      const { body, ends, settled, clientLeaves } = metered(source.body, length);
      await body.getReader().read();
      clientLeaves();
      await settled();
      expect(ends).toEqual(["aborted"]);
    });

    it("breaks the reader's body when the upstream is silent for too long, and says failed", async () => {
      const source = await origin(1_000, length, { end: "hang" });
      const { body, flow, ends, settled, look } = metered(source.body, length, 5_000);
      const reader = body.getReader();
      await reader.read();
      const left = reader.read();
      left.catch(() => undefined);
      // The bytes of a body that the runtime copies get their time, too: at most 1 MiB at 8 KiB/s.
      await scheduler.wait(10);
      for (const now of [1_000, 5_900]) look(now);
      await scheduler.wait(10);
      expect(ends).toEqual([]);
      look(200_000);
      await expect(left).rejects.toThrow();
      await settled();
      expect(ends).toEqual(["failed"]);
      expect(flow.down).toBeLessThan(2_000);
    });
  });

  it("does not take a reader that pauses for a silent upstream", async () => {
    const source = await origin(4 * KIB * KIB, undefined);
    const { body, ends, settled, look } = metered(source.body, undefined, 1_000);
    const reader = body.getReader();
    await reader.read();
    await scheduler.wait(20);
    for (const now of [1_000, 100_000, 200_000]) look(now);
    await drain(reader);
    await settled();
    expect(ends).toEqual(["done"]);
  });

  it("breaks the reader's body when the upstream ends before its announced length", async () => {
    const source = await origin(KIB * KIB, undefined);
    const { body, ends, settled } = metered(source.body, 2 * KIB * KIB);
    await expect(bytesOf(body)).rejects.toThrow();
    await settled();
    expect(ends).toEqual(["failed"]);
  });
});
