// Reading origins' bodies: whole within bounds, or streamed to one viewer while the bytes are collected for all others.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { isPlaylistBody } from "../../shared/hls/scan.ts";
import { isWebPage } from "../../shared/hls/web-page.ts";
import { contentLength } from "../../shared/http/headers.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { Chunks } from "../cache/chunks.ts";
import { within } from "../cache/deadline.ts";
import { Copy } from "../copy.ts";
import { discard } from "./origin.ts";
import { byteCountOf } from "./origin-meter.ts";

/** Length of the body as it is read; unknown when the runtime decodes it. */
export function bodyLength(response: Response): number | undefined {
  return isEncoded(response) ? undefined : contentLength(response.headers);
}

export function isEncoded(response: Response): boolean {
  return (response.headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity";
}

function late(): never {
  throw new CausewayError("upstream_timeout");
}

/** A failed body as an error with a code. */
function broken(cause: unknown): CausewayError {
  return cause instanceof CausewayError ? cause : new CausewayError("upstream_invalid", undefined, { cause });
}

/** The whole body. @throws CausewayError `tooLarge`, `upstream_timeout`, `upstream_invalid` when it breaks off */
export async function readBounded(
  response: Response,
  options: { bytesMax: number; tooLarge: ErrorCode; timeoutMs: number },
): Promise<Uint8Array> {
  const length = bodyLength(response);
  if (length !== undefined && length > options.bytesMax) {
    await discard(response);
    throw new CausewayError(options.tooLarge);
  }
  if (!response.body) return new Uint8Array(0);
  const deadline = Date.now() + options.timeoutMs;
  const reader = response.body.getReader({ mode: "byob" });
  const chunks = new Chunks();
  const count = byteCountOf(response.body);
  try {
    let buffer = new ArrayBuffer(LIMITS.READ_BYTES);
    for (;;) {
      const read = await within(reader.read(new Uint8Array(buffer)), deadline - Date.now(), late);
      if (!read.value || read.done) return chunks.join();
      count?.(read.value.byteLength);
      chunks.add(read.value.slice());
      if (chunks.bytes > options.bytesMax) throw new CausewayError(options.tooLarge);
      buffer = read.value.buffer as ArrayBuffer;
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw broken(error);
  }
}

/**
 * Refuses what is no segment by its first bytes. A playlist that a viewer asks for under a segment's name would leave as
 * the origin wrote it, with every address, query and credential that rewriting hides.
 * @throws CausewayError `not_found` for a playlist, `segment_malformed` for a web page
 */
export function assertSegment(body: Uint8Array): void {
  if (isPlaylistBody(body)) throw new CausewayError("not_found");
  if (isWebPage(body)) throw new CausewayError("segment_malformed");
}

export interface SharedStream {
  /** For the one viewer; breaks when the origin does. */
  readonly readable: ReadableStream<Uint8Array>;
  /** All bytes once they are there; undefined when the origin broke or sent more than may be shared. Never rejects. */
  readonly whole: Promise<Uint8Array | undefined>;
}

/**
 * Streams `body` to one viewer and collects it for everyone else. A slow viewer does not hold up the others while the
 * bytes are few enough to be kept anyway; past that bound its pace decides.
 */
export function shareStream(
  body: ReadableStream<Uint8Array>,
  { length, stallMs }: { readonly length: number | undefined; readonly stallMs: number },
): SharedStream {
  const { readable, writable } =
    length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  return { readable, whole: copy(body, { writable, length, stallMs, collect: true }) };
}

/**
 * A body of unknown length at its viewer's pace; it breaks where it grows past what a segment may be, or stands still for
 * `stallMs`.
 */
export function boundedStream(body: ReadableStream<Uint8Array>, stallMs: number): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void copy(body, { writable, length: undefined, stallMs, collect: false });
  return readable;
}

interface CopyOptions {
  readonly writable: WritableStream<Uint8Array>;
  readonly length: number | undefined;
  readonly stallMs: number;
  readonly collect: boolean;
}

async function copy(
  body: ReadableStream<Uint8Array>,
  { writable, length, stallMs, collect }: CopyOptions,
): Promise<Uint8Array | undefined> {
  const chunks = new Chunks();
  const count = byteCountOf(body);
  let shared = collect;
  function inspect(piece: Uint8Array): void {
    count?.(piece.byteLength);
    if (chunks.bytes === 0) assertSegment(piece);
    chunks.add(piece);
    if (chunks.bytes > LIMITS.SHARED_BODY_BYTES_MAX) shared = false;
    if (!shared) chunks.drop();
    if (chunks.bytes > LIMITS.SEGMENT_BYTES_MAX) throw new CausewayError("segment_too_large");
  }
  const end = await new Copy(body, writable, {
    length,
    inspect,
    ahead: collect ? () => shared : undefined,
    patience: (read) => within(read, stallMs, late),
  }).run();
  return end === "whole" && shared ? chunks.join() : undefined;
}
