// What is kept of an origin's reply to a segment request.

import { segmentFreshMs } from "../../shared/hls/freshness.ts";
import { safeMediaType } from "../../shared/hls/media-type.ts";
import { isMediaType } from "../../shared/hls/no-segment.ts";
import { bodyLength, isEncoded } from "./body.ts";
import type { Facts } from "./resource.ts";

const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/;

/**
 * `url` is where it was asked for: its path names the type when the origin does not. `neededMs`: how long players may ask
 * for the media of its playlist.
 */
export function factsOf(response: Response, url: string, now: number, neededMs = 0): Facts {
  const { headers } = response;
  const etag = headers.get("etag");
  const mark = url.indexOf("?");
  const contentType = safeMediaType(headers.get("content-type"), mark < 0 ? url : url.slice(0, mark));
  return {
    contentType,
    contentRange: response.status === 206 ? contentRangeOf(headers) : undefined,
    // A decoded body is another representation than the one that the tag names.
    etag: etag !== null && ETAG.test(etag) && !isEncoded(response) ? etag : undefined,
    lastModified: dateOf(headers.get("last-modified")),
    length: bodyLength(response),
    at: now,
    // Media is kept for as long as playlists name it; a key or a document may change under its URL.
    freshMs: segmentFreshMs(headers, now, isMediaType(contentType) ? neededMs : 0),
  };
}

function contentRangeOf(headers: Headers): string | undefined {
  const text = headers.get("content-range");
  return text !== null && /^bytes \d{1,15}-\d{1,15}\/(?:\d{1,15}|\*)$/.test(text) ? text : undefined;
}

function dateOf(text: string | null): string | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : new Date(time).toUTCString();
}
