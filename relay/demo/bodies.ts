// Downloads of the demo origin: deterministic bytes with and without length, ranges, slow, compressed, cut off.

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createGzip, gzipSync } from "node:zlib";
import { DEMO_LIMITS } from "../../shared/limits.ts";

const BLOCK_BYTES = 64 * 1024;
const SLOW_STEP_MS = 50;

/** One block of noise (xorshift32), so that nothing on the way can compress or confuse it. */
const NOISE = makeNoise();

function makeNoise(): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  let state = 0x9e3779b9;
  for (let at = 0; at < BLOCK_BYTES; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block.writeInt32LE(state | 0, at);
  }
  return block;
}

/** Bytes `start` to `end` (exclusive) of the endless demo file, in pieces of at most 64 KiB. */
export function* demoBytes(start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; ) {
    const index = Math.floor(at / BLOCK_BYTES);
    const block = Buffer.from(NOISE);
    // Each block begins with its number: swapped or repeated blocks change the hash.
    block.writeDoubleLE(index, 0);
    const from = at - index * BLOCK_BYTES;
    const piece = block.subarray(from, Math.min(BLOCK_BYTES, from + end - at));
    yield piece;
    at += piece.length;
  }
}

/** `/bytes/N`: N bytes with Content-Length; one range (RFC 9110 14). */
export async function answerBytes(request: IncomingMessage, response: ServerResponse, bytes: number) {
  const range = parseRange(request.headers.range, bytes);
  response.setHeader("content-type", "application/octet-stream");
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("etag", `"demo-${bytes}"`);
  response.setHeader("cache-control", "public, max-age=60");
  if (range === "unsatisfiable") {
    response.writeHead(416, { "content-range": `bytes */${bytes}`, "content-length": 0 }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: bytes };
  if (range !== undefined) response.setHeader("content-range", `bytes ${start}-${end - 1}/${bytes}`);
  response.writeHead(range === undefined ? 200 : 206, { "content-length": end - start });
  await sendAll(request, response, demoBytes(start, end));
}

/** One `bytes=` range; several ranges or another unit are ignored, as RFC 9110 14.2 allows. */
function parseRange(header: string | undefined, bytes: number) {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const last = match[2] === "" ? Number.POSITIVE_INFINITY : Number(match[2]);
  const start = match[1] === "" ? Math.max(0, bytes - last) : Number(match[1]);
  const end = match[1] === "" ? bytes : Math.min(bytes, last + 1);
  if (match[1] !== "" && last < start) return undefined;
  return start >= end ? "unsatisfiable" : { start, end };
}

/** `/chunked/N`: the same bytes without a length. */
export async function answerChunked(request: IncomingMessage, response: ServerResponse, bytes: number) {
  response.writeHead(200, { "content-type": "application/octet-stream" });
  await sendAll(request, response, demoBytes(0, bytes));
}

/** `/slow?bytes=N&ms=M`: N bytes spread evenly over M milliseconds. */
export async function answerSlow(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: number,
  ms: number,
) {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  response.flushHeaders();
  await sendAll(request, response, spread(bytes, ms));
}

async function* spread(bytes: number, ms: number): AsyncGenerator<Buffer> {
  const steps = Math.max(1, Math.round(ms / SLOW_STEP_MS));
  for (let step = 0; step < steps; step++) {
    await delay(ms / steps);
    const start = Math.floor((bytes * step) / steps);
    yield* demoBytes(start, Math.floor((bytes * (step + 1)) / steps));
  }
}

/** `/gzip/N`: N bytes of text, always gzip-compressed; with a length up to 1 MiB, chunked beyond. */
export async function answerGzip(request: IncomingMessage, response: ServerResponse, bytes: number) {
  const headers = {
    "content-type": "text/plain; charset=utf-8",
    "content-encoding": "gzip",
    vary: "accept-encoding",
  };
  if (bytes <= DEMO_LIMITS.GZIP_BUFFERED_BYTES) {
    const body = gzipSync(Buffer.concat([...demoText(bytes)]));
    response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
    return;
  }
  response.writeHead(200, headers);
  if (request.method === "HEAD") response.end();
  else await pipeline(Readable.from(demoText(bytes)), createGzip(), response);
}

/** N bytes of numbered lines, in pieces of about 64 KiB: each costs the compressor a trip to the thread pool. */
function* demoText(bytes: number): Generator<Buffer> {
  let sent = 0;
  for (let line = 1; sent < bytes; ) {
    let text = "";
    for (; text.length < BLOCK_BYTES; line++) {
      text += `${line}: all along the causeway the water comes and goes\n`;
    }
    yield Buffer.from(text).subarray(0, bytes - sent);
    sent += text.length;
  }
}

/** `/truncate/N`: announces N bytes and breaks the connection after half of them. */
export async function answerTruncated(response: ServerResponse, bytes: number) {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  response.flushHeaders();
  for (const piece of demoBytes(0, Math.floor(bytes / 2))) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    if (response.destroyed) return;
  }
  response.destroy();
}

async function sendAll(
  request: IncomingMessage,
  response: ServerResponse,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
) {
  if (request.method === "HEAD") response.end();
  else await pipeline(Readable.from(pieces, { objectMode: false, highWaterMark: 4 * BLOCK_BYTES }), response);
}
