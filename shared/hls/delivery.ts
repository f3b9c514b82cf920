// Delivery directives: what a player adds to a playlist's URL to be told of a segment or part as soon as it exists, and to
// be spared what it knows already (RFC 8216bis section 6.2.5). Pure.

import { filterQuery, queryPairs } from "./query.ts";

const MSN = "_HLS_msn";
const PART = "_HLS_part";
const SKIP = "_HLS_skip";

/** Directives that ask for another body of the same playlist. */
export const DELIVERY_NAMES: ReadonlySet<string> = new Set([MSN, PART, SKIP]);

/** RFC 8216 section 4.2: up to 20 digits. Only one spelling of each. */
const NUMBER = /^(?:0|[1-9]\d{0,19})$/;
/** Values that the format has: "v2" also skips date ranges. */
const SKIPS: ReadonlySet<string> = new Set(["YES", "v2"]);

/**
 * The directives of a query in the one order and spelling that they have upstream and in keys: each other one would be an
 * entry of its own in every cache (section 6.2.5). Undefined for what the format does not allow: the answer is 400
 * (section 6.2.5.2).
 */
export function directivesOf(query: string): string | undefined {
  if (!query.includes("HLS_")) return "";
  const seen = new Map<string, string>();
  for (const { name, value } of queryPairs(query)) {
    if (!DELIVERY_NAMES.has(name)) continue;
    if (seen.has(name)) return undefined;
    seen.set(name, value);
    if (!(name === SKIP ? SKIPS.has(value) : NUMBER.test(value))) return undefined;
  }
  // A part is named within a segment.
  if (seen.has(PART) && !seen.has(MSN)) return undefined;
  return [MSN, PART, SKIP].flatMap((name) => (seen.has(name) ? [`${name}=${seen.get(name)}`] : [])).join("&");
}

/** How a playlist is asked for. */
export interface Delivery {
  /** The URL without directives. */
  readonly plainUrl: string;
  /**
   * Once this segment is there what is waited for surely is, too: a part beyond a segment's last is the next one's (RFC
   * 8216bis section 6.2.5.2). Undefined: the origin answers at once.
   */
  readonly awaited: number | undefined;
}

/** Undefined for a URL without directives. */
export function readDelivery(url: string): Delivery | undefined {
  const mark = url.indexOf("?");
  if (mark < 0 || !url.includes("_HLS_", mark)) return undefined;
  const query = url.slice(mark + 1);
  const values = new Map(queryPairs(query).map(({ name, value }) => [name, value]));
  const awaited = values.get(MSN);
  if (awaited === undefined && !values.has(SKIP)) return undefined;
  const rest = filterQuery(query, (name) => !DELIVERY_NAMES.has(name));
  const plainUrl = rest === "" ? url.slice(0, mark) : `${url.slice(0, mark)}?${rest}`;
  return {
    plainUrl,
    awaited: awaited === undefined ? undefined : Number(awaited) + (values.has(PART) ? 1 : 0),
  };
}

/** True for a delta update: segments are left out of it, so it stands for the whole with those only who know them. */
export function isDelta(text: string): boolean {
  return text.includes("#EXT-X-SKIP:");
}
