import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { STREAM_CODES } from "../../../relay/tunnel/carrier.ts";
import { PacketStream } from "../../../relay/tunnel/packet-stream.ts";
import { DATA_BYTES_MAX } from "../../../shared/packet/codec.ts";
import { framePacket } from "../../../shared/packet/framing.ts";
import { streamPair } from "./stream-pair.ts";

/** Two packet streams that have each other's first packet. */
async function opened() {
  const [near, far] = streamPair(0);
  const [a, b] = [new PacketStream(near), new PacketStream(far)];
  for (const stream of [a, b]) {
    stream.on("error", () => undefined);
    onTestFinished(() => void stream.destroy());
    stream.send({ cmd: "connect" });
  }
  await Promise.all([a.first(), b.first()]);
  return { a, b, near, far };
}

async function textOf(stream: PacketStream): Promise<string> {
  const parts: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => parts.push(chunk));
  await once(stream, "end");
  return Buffer.concat(parts).toString();
}

/** Resolves once a stream has closed, with an error or without. */
function closed(stream: PacketStream): Promise<void> {
  return new Promise((resolve) => void stream.once("close", resolve));
}

describe("PacketStream", () => {
  it("carries bytes both ways, with half-close", async () => {
    const { a, b } = await opened();
    a.end("question");
    expect(await textOf(b)).toBe("question");
    b.end("answer");
    expect(await textOf(a)).toBe("answer");
  });

  it("carries chunks larger than a packet whole", async () => {
    const { a, b } = await opened();
    const sent = Buffer.alloc(3 * DATA_BYTES_MAX + 5, "abcdefg");
    a.end(sent);
    const parts: Buffer[] = [];
    for await (const chunk of b) parts.push(chunk as Buffer);
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  });

  it("takes no more than its reader does", async () => {
    const { a, b } = await opened();
    const chunk = Buffer.alloc(64 * 1024);
    let written = 0;
    while (a.write(chunk)) written += chunk.length;
    expect(written).toBeLessThan(4 * chunk.length);
    b.resume();
    await once(a, "drain");
  });

  it("hands on the code that it broke off with", async () => {
    const { a, near } = await opened();
    a.abortCode = STREAM_CODES.spool;
    a.destroy();
    await closed(a);
    expect(near.aborted).toBe(STREAM_CODES.spool);
  });

  it("ends in order without a code", async () => {
    const { a, b, near } = await opened();
    a.resume();
    b.resume();
    a.end();
    b.end();
    await closed(a);
    expect(near.aborted).toBeUndefined();
  });

  it.each([
    ["bytes that are no packet", Buffer.from([0xff, 0xff, 0xff, 0xff]), STREAM_CODES.malformed],
    ["a second packet that is no data", framePacket({ cmd: "connect" }), STREAM_CODES.malformed],
  ])("breaks off with a code for %s", async (_, bytes, code) => {
    const { b, near, far } = await opened();
    near.write(bytes);
    await closed(b);
    expect(far.aborted).toBe(code);
  });

  it("breaks off data before the first packet, and an end within one", async () => {
    for (const [bytes, code] of [
      [framePacket({ cmd: "data", buf: Buffer.from("x") }), STREAM_CODES.malformed],
      [framePacket({ cmd: "connect" }).subarray(0, 6), STREAM_CODES.unexpected_end],
    ] as const) {
      const [near, far] = streamPair(0);
      const stream = new PacketStream(far);
      stream.on("error", () => undefined);
      near.on("error", () => undefined);
      near.end(bytes);
      await expect(stream.first()).rejects.toThrow("malformed");
      expect(far.aborted).toBe(code);
    }
  });
});
