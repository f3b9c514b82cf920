// Segments that one request alone takes from the origin, or that are too large to be held: what they are is looked at
// before the reply begins, then they stream. Keeps nothing in memory.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { beginsAsJson } from "../../shared/hls/no-segment.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { boundedStream, type OpenedBody, openBody, readRest, rejoined } from "./body.ts";
import { type KeyedRequest, writeOut } from "./elsewhere.ts";
import { byteCountOf } from "./origin-meter.ts";
import type { Facts, Loaded } from "./resource.ts";
import { fetchSegment, isReadWhole, readWhole } from "./segment-fetch.ts";

/** An origin may answer a range with the whole. */
export function keyFor({ wholeKey, key }: KeyedRequest, facts: Facts): string {
  return facts.contentRange === undefined ? wholeKey : key;
}

interface Streamed {
  readonly body: ReadableStream<Uint8Array> | null;
  /** Absent for what is not stored. */
  readonly written?: Promise<boolean>;
}

/**
 * A body too large to be shared: straight to the viewer, and by a second branch to where others can read it.
 * @throws CausewayError as openBody
 */
export async function streamed(wanted: KeyedRequest, response: Response, facts: Facts): Promise<Streamed> {
  const { x, channel } = wanted;
  const { length } = facts;
  const count = byteCountOf(response.body);
  const isStored = length !== undefined && facts.freshMs > 0 && length <= LIMITS.CLONED_BODY_BYTES_MAX;
  // A branch is another stream, and the cache's takes all of it whether its viewer stays or not.
  const copy = isStored ? response.clone().body : null;
  if (!response.body) return { body: null };
  try {
    const body = viewed(await openBody(response.body, channel.read_timeout), length, channel);
    if (!copy || length === undefined) return { body };
    const written = writeOut(wanted, keyFor(wanted, facts), { facts, body: copy, length });
    x.ctx.waitUntil(written.then(() => count?.(length)));
    return { body, written };
  } catch (error) {
    await copy?.cancel().catch(() => undefined);
    throw error;
  }
}

/** At the viewer's pace. */
function viewed(
  opened: OpenedBody,
  length: number | undefined,
  { read_timeout: stallMs }: ChannelConfig,
): ReadableStream<Uint8Array> {
  return length === undefined ? boundedStream(opened, stallMs) : rejoined(opened, length);
}

/** A follower whose leader could not share. */
export async function fetchAlone(wanted: KeyedRequest): Promise<Loaded> {
  const { response, facts } = await fetchSegment(wanted);
  const { length } = facts;
  const { channel } = wanted;
  const whole = (body: Uint8Array): Loaded => {
    return { tier: "bypass", facts: { ...facts, length: body.byteLength }, body };
  };
  if (isReadWhole(response, length)) return whole(await readWhole(response, length, channel.read_timeout));
  if (!response.body) return { tier: "bypass", facts, body: null };
  const opened = await openBody(response.body, channel.read_timeout);
  if (length === undefined && beginsAsJson(opened.head)) return whole(await readJson(channel, opened));
  return { tier: "bypass", facts, body: viewed(opened, length, channel) };
}

/** What may be a document is looked at as a whole. */
export function readJson(channel: ChannelConfig, opened: OpenedBody): Promise<Uint8Array> {
  return readRest(opened, {
    bytesMax: LIMITS.SHARED_BODY_BYTES_MAX,
    tooLarge: "segment_too_large",
    timeoutMs: channel.read_timeout,
  });
}
