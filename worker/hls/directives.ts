// Viewers' delivery directives where their numbers are not the origin's (RFC 8216bis section 6.2.5).

import { filterQuery, queryPairs } from "../../shared/hls/query.ts";
import type { Numbering } from "../../shared/hls/renumber.ts";
import { DIRECTIVES } from "./pins.ts";

export function withoutDirectives(query: string): string {
  return filterQuery(query, (name) => !DIRECTIVES.has(name));
}

/** A delta update can neither be kept for when all sources fail nor be compared with what was shown. */
export function withoutSkip(query: string): string {
  return filterQuery(query, (name) => name !== "_HLS_skip");
}

/**
 * `query` as the origin understands it: media sequence numbers in its own numbers. Delta updates are not asked for, since
 * they speak of segments that viewers know under other numbers; without a numbering no directive is left.
 */
export function shiftDirectives(query: string, numbering: Numbering | undefined): string {
  if (query === "") return "";
  if (!numbering) return withoutDirectives(query);
  const shifted = queryPairs(query).flatMap(({ name, value, raw }) => {
    if (name === "_HLS_skip") return [];
    if (name !== "_HLS_msn") return [raw];
    const number = Number(value) - numbering.offset;
    return Number.isSafeInteger(number) && number >= 0 ? [`_HLS_msn=${number}`] : [];
  });
  const text = shifted.join("&");
  // A part is named within a segment.
  return text.includes("_HLS_msn=") ? text : filterQuery(text, (name) => name !== "_HLS_part");
}
