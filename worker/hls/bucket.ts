// Bodies in R2, where the binding SEGMENTS exists: what is re-read although it left the data centres' caches, and what
// isolates of the whole world share. Names are hashes: they are short, and a listing shows no origin's address. R2 has no
// expiry of its own: the bucket needs a lifecycle rule, and what has gone stale is not used.

import type { ByteRange, Slice } from "../../shared/hls/byte-range.ts";
import { contentRange, sliceOf } from "../../shared/hls/byte-range.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { Env } from "../env.ts";
import { type Facts, isFresh } from "./resource.ts";

/** All that this Worker stores begins with it. */
const PREFIX = "hls/";

/** A name of 64 hex digits for a cache key. */
export async function nameOf(key: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface BucketEntry {
  /** Of the part, where one was asked for. */
  readonly facts: Facts;
  readonly body: ReadableStream<Uint8Array>;
}

type Place = Pick<Env, "SEGMENTS">;

/** The fresh entry under `key`, or `range` of it. A bucket that fails is an empty one. */
export async function readBucket(
  { SEGMENTS: bucket }: Place,
  key: string,
  range?: ByteRange,
): Promise<BucketEntry | undefined> {
  if (!bucket) return undefined;
  try {
    const name = PREFIX + (await nameOf(key));
    if (!range) return await whole(bucket, name);
    const head = await bucket.head(name);
    const facts = head && factsOf(head);
    const slice = head && sliceOf(range, head.size);
    return facts && slice ? await part(bucket, name, { facts, slice, size: head.size }) : undefined;
  } catch {
    return undefined;
  }
}

async function whole(bucket: R2Bucket, name: string): Promise<BucketEntry | undefined> {
  const object = await bucket.get(name);
  if (!object) return undefined;
  const facts = factsOf(object);
  if (facts) return { facts: { ...facts, length: object.size }, body: object.body };
  await object.body.cancel();
  return undefined;
}

async function part(
  bucket: R2Bucket,
  name: string,
  { facts, slice, size }: { readonly facts: Facts; readonly slice: Slice; readonly size: number },
): Promise<BucketEntry | undefined> {
  const length = slice.end - slice.start;
  const object = await bucket.get(name, { range: { offset: slice.start, length } });
  if (!object) return undefined;
  return { facts: { ...facts, length, contentRange: contentRange(slice, size) }, body: object.body };
}

/** Undefined for what has gone stale, and for what somebody else put there. */
function factsOf({ customMetadata }: R2Object): Facts | undefined {
  const text = customMetadata?.facts;
  if (text === undefined) return undefined;
  const facts = JSON.parse(text) as Facts;
  return isFresh(facts, Date.now()) ? facts : undefined;
}

export interface BucketWrite {
  readonly facts: Facts;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
  readonly length: number;
}

/** Stores a body. Never rejects; false: it is not there. */
export async function writeBucket(
  { SEGMENTS: bucket }: Place,
  key: string,
  { facts, body, length }: BucketWrite,
): Promise<boolean> {
  if (!bucket) return false;
  try {
    const options = { customMetadata: { facts: JSON.stringify(facts) } };
    const name = PREFIX + (await nameOf(key));
    if (body instanceof Uint8Array) {
      await bucket.put(name, body, options);
      return true;
    }
    // R2 wants to know a stream's length beforehand, and a copy of a stream does not tell it.
    const { readable, writable } = new FixedLengthStream(length);
    await Promise.all([body.pipeTo(writable), bucket.put(name, readable, options)]);
    return true;
  } catch {
    return false;
  }
}

/** Stores what was read again, if it is worth it and not there yet. Never rejects. */
export async function promoteToBucket(env: Place, key: string, write: BucketWrite): Promise<void> {
  const { SEGMENTS: bucket } = env;
  const leftMs = write.facts.at + write.facts.freshMs - Date.now();
  if (!bucket || leftMs < LIMITS.BUCKET_WORTH_MS) return;
  try {
    const present = await bucket.head(PREFIX + (await nameOf(key)));
    if (!present || !factsOf(present)) await writeBucket(env, key, write);
  } catch {
    // Not stored: the next one who reads it again tries.
  }
}
