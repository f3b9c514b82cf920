// Segments outside of the isolate: in the data centre's cache and in R2. Whole bodies answer ranges, too.

import type { ByteRange } from "../../shared/hls/byte-range.ts";
import { SHIELD_LIMITS } from "../../shared/limits.ts";
import { bodyLength } from "./body.ts";
import { promoteToBucket, readBucket, writeBucket } from "./bucket.ts";
import { readEdge, writeEdge } from "./edge-cache.ts";
import { discard } from "./origin.ts";
import { type Facts, isFresh } from "./resource.ts";
import type { SegmentRequest } from "./segment-fetch.ts";

/** A request with the keys that its bytes are stored under. */
export interface KeyedRequest extends SegmentRequest {
  readonly byteRange: ByteRange | undefined;
  readonly wholeKey: string;
  /** The same as wholeKey without a range. */
  readonly key: string;
}

export interface Found {
  readonly tier: "edge" | "r2";
  readonly facts: Facts;
  /** Unread. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/** From the data centre's cache. */
export async function readNear({ key, wholeKey, range }: KeyedRequest): Promise<Found | undefined> {
  const entry = await readEdge("segment", key);
  if (entry && isFresh(entry.facts, Date.now()))
    return { tier: "edge", facts: entry.facts, body: entry.response.body };
  if (entry) await discard(entry.response);
  if (range === undefined) return undefined;
  const part = await readEdge("segment", wholeKey, range);
  if (!part) return undefined;
  const { response, facts } = part;
  const contentRange = response.headers.get("content-range") ?? undefined;
  if (response.status !== 206 || contentRange === undefined || !isFresh(facts, Date.now())) {
    await discard(response);
    return undefined;
  }
  return {
    tier: "edge",
    facts: { ...facts, contentRange, length: bodyLength(response) },
    body: response.body,
  };
}

/** From R2, where there is a bucket. */
export async function readFar({ x, key, wholeKey, byteRange }: KeyedRequest): Promise<Found | undefined> {
  if (!x.env.SEGMENTS) return undefined;
  const exact = await readBucket(x.env, key);
  if (exact || !byteRange) return exact && { tier: "r2", ...exact };
  const part = await readBucket(x.env, wholeKey, byteRange);
  return part && { tier: "r2", ...part };
}

interface Write {
  readonly facts: Facts;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
  readonly length: number;
}

/**
 * Stores what the origin sent, for as long as it is fresh. Resolves to whether those who share the channel's fetches can
 * read it; a stream goes to the one place where most can.
 */
export function writeOut({ x, channel }: SegmentRequest, key: string, write: Write): Promise<boolean> {
  const { facts, body, length } = write;
  const isForAll = channel.shield && x.env.SEGMENTS !== undefined && length > SHIELD_LIMITS.PARCEL_BYTES_MAX;
  const far = isForAll ? writeBucket(x.env, key, write) : undefined;
  if (far && body instanceof ReadableStream) return far;
  const near = writeEdge("segment", key, { facts, body, length, keepMs: facts.freshMs });
  return far ? near.then(() => far) : near;
}

/** What was found in one place and is in memory now goes where it is found sooner, or longer. Never rejects. */
export async function moveOn(
  { x, key, channel }: KeyedRequest,
  { tier, facts }: Found,
  found: { readonly body: Uint8Array; readonly live: boolean },
): Promise<void> {
  const { body, live } = found;
  const length = body.byteLength;
  if (tier === "edge") {
    if (!live && !channel.shield) await promoteToBucket(x.env, key, { facts, body, length });
    return;
  }
  const keepMs = facts.at + facts.freshMs - Date.now();
  await writeEdge("segment", key, { facts, body, length, keepMs });
}
