// Reading origins' bodies: whole within bounds, or streamed to one viewer while the bytes are collected for all others.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { beginsAsPlaylist } from "../../shared/hls/no-segment.ts";
import { isWebPage } from "../../shared/hls/web-page.ts";
import { contentLength } from "../../shared/http/headers.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { Chunks } from "../cache/chunks.ts";
import { within } from "../cache/deadline.ts";
import { Copy } from "../copy.ts";
import { discard } from "./origin.ts";
import { byteCountOf, handCountOn } from "./origin-meter.ts";

const NO_BYTES = new Uint8Array(0);

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
  return response.body ? readRest({ head: NO_BYTES, rest: response.body }, options) : NO_BYTES;
}

/** All of a body whose beginning has been read. @throws CausewayError as {@link readBounded} */
export async function readRest(
  { head, rest }: OpenedBody,
  options: { bytesMax: number; tooLarge: ErrorCode; timeoutMs: number },
): Promise<Uint8Array> {
  const deadline = Date.now() + options.timeoutMs;
  const reader = rest.getReader({ mode: "byob" });
  const chunks = new Chunks();
  const count = byteCountOf(rest);
  if (head.byteLength > 0) {
    count?.(head.byteLength);
    chunks.add(head);
  }
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
  if (beginsAsPlaylist(body)) throw new CausewayError("not_found");
  if (isWebPage(body)) throw new CausewayError("segment_malformed");
}

/** A body whose first bytes have been read; whoever reads on counts them, too. */
export interface OpenedBody {
  readonly head: Uint8Array;
  readonly rest: ReadableStream<Uint8Array>;
}

/** Enough to tell what is no segment, and so few that every part has them. */
const HEAD_BYTES_MIN = 16;
const HEAD_BYTES_MAX = 4_096;

/**
 * Reads how a body begins, so that what is no segment is refused by a status and not by a reply that breaks.
 * @throws CausewayError as {@link assertSegment}, `upstream_timeout`, `upstream_invalid` when it breaks off
 */
export async function openBody(body: ReadableStream<Uint8Array>, timeoutMs: number): Promise<OpenedBody> {
  const reader = body.getReader({ mode: "byob" });
  try {
    const read = reader.readAtLeast(HEAD_BYTES_MIN, new Uint8Array(HEAD_BYTES_MAX));
    const { value } = await within(read, timeoutMs, late);
    const head = value?.slice() ?? NO_BYTES;
    assertSegment(head);
    reader.releaseLock();
    return { head, rest: body };
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw broken(error);
  }
}

/** All of an opened body of known length at its reader's pace, moved by the runtime. */
export function rejoined({ head, rest }: OpenedBody, length: number): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length);
  writeFirst(writable, head);
  rest.pipeTo(writable).catch(() => undefined);
  handCountOn(rest, readable);
  return readable;
}

function writeFirst(writable: WritableStream<Uint8Array>, head: Uint8Array): void {
  if (head.byteLength === 0) return;
  const writer = writable.getWriter();
  // Whoever writes on learns of a target that has gone.
  writer.write(head).catch(() => undefined);
  writer.releaseLock();
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
  body: OpenedBody,
  { length, stallMs, room }: Pick<CopyOptions, "length" | "stallMs"> & { readonly room: Room },
): SharedStream {
  const { readable, writable } =
    length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  const bytesMax = LIMITS.SEGMENT_BYTES_MAX;
  return { readable, whole: copy(body, { writable, length, stallMs, room, bytesMax }) };
}

/**
 * A body of unknown length at its viewer's pace; it breaks where it grows past `bytesMax`, what a segment may be if nothing
 * else is said, or stands still for `stallMs`.
 */
export function boundedStream(
  body: ReadableStream<Uint8Array> | OpenedBody,
  stallMs: number,
  bytesMax: number = LIMITS.SEGMENT_BYTES_MAX,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const opened = body instanceof ReadableStream ? { head: NO_BYTES, rest: body } : body;
  void copy(opened, { writable, length: undefined, stallMs, bytesMax });
  return readable;
}

/** Whether so many bytes of one body may be held; once they may not, no more of it is asked for. */
export type Room = (bytes: number) => boolean;

interface CopyOptions {
  readonly writable: WritableStream<Uint8Array>;
  readonly length: number | undefined;
  readonly stallMs: number;
  /** Present where the bytes are collected. */
  readonly room?: Room;
  readonly bytesMax: number;
}

async function copy(
  { head, rest }: OpenedBody,
  { writable, length, stallMs, room, bytesMax }: CopyOptions,
): Promise<Uint8Array | undefined> {
  const chunks = new Chunks();
  const count = byteCountOf(rest);
  let shared = room !== undefined;
  if (head.byteLength > 0) {
    count?.(head.byteLength);
    chunks.add(head);
    writeFirst(writable, head);
  }
  function inspect(piece: Uint8Array): void {
    count?.(piece.byteLength);
    if (chunks.bytes === 0) assertSegment(piece);
    chunks.add(piece);
    if (shared && room?.(chunks.bytes) === false) shared = false;
    if (!shared) chunks.drop();
    if (chunks.bytes > bytesMax) throw new CausewayError("segment_too_large");
  }
  const end = await new Copy(rest, writable, {
    length: length === undefined ? undefined : length - head.byteLength,
    inspect,
    ahead: room ? () => shared : undefined,
    patience: (read) => within(read, stallMs, late),
  }).run();
  return end === "whole" && shared ? chunks.join() : undefined;
}
