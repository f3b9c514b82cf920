// Segments from the origin: what comes is checked before anybody gets it, and short bodies are read whole. Keeps nothing.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { isPlaylistType } from "../../shared/hls/media-type.ts";
import { isWebPageType } from "../../shared/hls/web-page.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { assertSegment, readBounded } from "./body.ts";
import { directoryAt, isGrowing } from "./directories.ts";
import { discard, fetchOrigin } from "./origin.ts";
import type { Facts } from "./resource.ts";
import { factsOf } from "./segment-facts.ts";
import type { Target } from "./target.ts";

/** Which bytes of what. */
export interface SegmentRequest {
  readonly x: Exchange;
  readonly channel: ChannelConfig;
  readonly target: Target;
  /** As it goes into headers and keys. */
  readonly range: string | undefined;
}

export interface FetchedSegment {
  /** Its body is unread. */
  readonly response: Response;
  readonly facts: Facts;
}

/** @throws CausewayError what fetchOrigin throws, `segment_too_large`, `upstream_invalid`, `not_found` for a playlist */
export async function fetchSegment({ x, channel, target, range }: SegmentRequest): Promise<FetchedSegment> {
  const { url, source } = target;
  const { response, ...from } = await fetchOrigin(x, channel, { method: "GET", url, source, range });
  const known = factsOf(response, url, Date.now(), directoryAt(channel, target).neededMs);
  // Documents name their children relative to where they were found.
  const found = from.redirected ? { ...known, url: from.url } : known;
  // Of a file that parts are appended to the whole is another one in a moment.
  const facts = response.status === 200 && isGrowing(channel, target) ? { ...found, freshMs: 0 } : found;
  if ((facts.length ?? 0) > LIMITS.SEGMENT_BYTES_MAX) {
    await discard(response);
    throw new CausewayError("segment_too_large");
  }
  if (response.status === 206 && (range === undefined || facts.contentRange === undefined)) {
    await discard(response);
    throw new CausewayError("upstream_invalid");
  }
  // Of a part nothing tells what the whole is, except its type.
  if (response.status === 206 && isPlaylistType(response.headers.get("content-type"))) {
    await discard(response);
    throw new CausewayError("not_found");
  }
  return { response, facts };
}

/** What HEAD tells. @throws CausewayError what fetchOrigin throws */
export async function fetchHead({ x, channel, target }: SegmentRequest): Promise<Facts> {
  const { url, source } = target;
  const { response } = await fetchOrigin(x, channel, { method: "HEAD", url, source });
  return factsOf(response, url, Date.now(), directoryAt(channel, target).neededMs);
}

/** Short bodies are fetched before the reply begins, and so is what says that it is a page: it may well be one. */
export function isReadWhole(response: Response, length: number | undefined): boolean {
  if (length !== undefined && length <= LIMITS.WHOLE_BODY_BYTES_MAX) return true;
  return (length ?? 0) <= LIMITS.SHARED_BODY_BYTES_MAX && isWebPageType(response.headers.get("content-type"));
}

/** @throws CausewayError `upstream_invalid`, `upstream_timeout`, and for what is no segment as {@link assertSegment} */
export async function readWhole(
  response: Response,
  length: number | undefined,
  timeoutMs: number,
): Promise<Uint8Array> {
  const body = await readBounded(response, {
    bytesMax: LIMITS.SHARED_BODY_BYTES_MAX,
    tooLarge: "segment_too_large",
    timeoutMs,
  });
  if (length !== undefined && body.byteLength !== length) throw new CausewayError("upstream_invalid");
  assertSegment(body);
  return body;
}
