// What a multivariant playlist offers, told apart in a way that another source's offers can be compared with: when a source
// fails, who plays one of its variants goes on with the other source's most similar one. Pure, never throws on any text.

import { attributeValue, scanAttributes } from "./attributes.ts";
import type { Playlist, UriSpan } from "./scan.ts";

/** One playlist of a multivariant playlist, by what its tag says. Short keys: it stands sealed in addresses. */
export interface Rendition {
  /** Its kind: "VARIANT", "I-FRAME", "IMAGE", or the TYPE of an EXT-X-MEDIA. */
  readonly t: string;
  /** Its place among those of its kind. */
  readonly i: number;
  /** BANDWIDTH. */
  readonly b?: number;
  /** RESOLUTION. */
  readonly r?: string;
  /** CODECS. */
  readonly c?: string;
  /** GROUP-ID, NAME, LANGUAGE, CHANNELS. */
  readonly g?: string;
  readonly n?: string;
  readonly l?: string;
  readonly h?: string;
}

export interface Offer {
  readonly rendition: Rendition;
  readonly span: UriSpan;
}

const TAG_KINDS: ReadonlyMap<string, string> = new Map([
  ["#EXT-X-STREAM-INF", "VARIANT"],
  ["#EXT-X-I-FRAME-STREAM-INF", "I-FRAME"],
  ["#EXT-X-IMAGE-STREAM-INF", "IMAGE"],
]);
/** Longest attribute that is compared. */
const TEXT_CHARS_MAX = 100;

/** The playlists that `text`, scanned as `playlist`, offers, in file order. */
export function listOffers(text: string, playlist: Pick<Playlist, "spans" | "kind">): Offer[] {
  if (playlist.kind !== "master") return [];
  const counts = new Map<string, number>();
  const offers: Offer[] = [];
  for (const span of playlist.spans) {
    if (span.type !== "uri" || span.kind !== "playlist") continue;
    const line = tagLineOf(text, span);
    const kind = kindOf(line);
    if (kind === undefined) continue;
    const place = counts.get(kind) ?? 0;
    counts.set(kind, place + 1);
    offers.push({ rendition: renditionOf(line, kind, place), span });
  }
  return offers;
}

/** The tag that names the URI: its own line, or for a URI line the nearest EXT-X-STREAM-INF above. */
function tagLineOf(text: string, { start }: UriSpan): string {
  let from = text.lastIndexOf("\n", start - 1) + 1;
  let line = lineAt(text, from);
  while (from > 0 && !line.startsWith("#EXT")) {
    from = text.lastIndexOf("\n", from - 2) + 1;
    line = lineAt(text, from);
    if (line !== "" && !line.startsWith("#")) return "";
  }
  return line;
}

function lineAt(text: string, from: number): string {
  const feed = text.indexOf("\n", from);
  return text.slice(from, feed < 0 ? text.length : feed).trim();
}

function kindOf(line: string): string | undefined {
  const tag = line.slice(0, Math.max(0, line.indexOf(":")));
  if (tag !== "#EXT-X-MEDIA") return TAG_KINDS.get(tag);
  return attributeValue(line, scanAttributes(line, tag.length + 1), "TYPE")?.slice(0, 20);
}

function renditionOf(line: string, t: string, i: number): Rendition {
  const attributes = scanAttributes(line, line.indexOf(":") + 1);
  const read = (name: string) => attributeValue(line, attributes, name)?.slice(0, TEXT_CHARS_MAX);
  const bandwidth = Number(/^\d{1,15}$/.exec(read("BANDWIDTH") ?? "")?.[0] ?? Number.NaN);
  const found = {
    r: read("RESOLUTION"),
    c: read("CODECS"),
    g: read("GROUP-ID"),
    n: read("NAME"),
    l: read("LANGUAGE"),
    h: read("CHANNELS"),
  };
  const given = Object.entries(found).filter(([, value]) => value !== undefined);
  return { t, i, ...(Number.isNaN(bandwidth) ? {} : { b: bandwidth }), ...Object.fromEntries(given) };
}

/** The offer most like `wanted`; of several alike the one at the nearest place. Undefined when none is of its kind. */
export function matchOffer(offers: readonly Offer[], wanted: Rendition): Offer | undefined {
  let best: Offer | undefined;
  let bestLikeness = Number.NEGATIVE_INFINITY;
  for (const offer of offers) {
    if (offer.rendition.t !== wanted.t) continue;
    const likeness = likenessOf(offer.rendition, wanted);
    if (likeness > bestLikeness) [best, bestLikeness] = [offer, likeness];
  }
  return best;
}

/**
 * What a player cannot change while it plays counts most: the codecs, a language. Then the picture's size, then how much it
 * must load, as a ratio, then the order in which they are offered.
 */
function likenessOf(offer: Rendition, wanted: Rendition): number {
  const same = (key: "r" | "g" | "n" | "l" | "h", weight: number) =>
    wanted[key] !== undefined && offer[key] === wanted[key] ? weight : 0;
  const codecs = families(offer.c) === families(wanted.c) ? 2_000 : 0;
  const apart = Math.abs(Math.log((offer.b || 1) / (wanted.b || 1)));
  const ratio = offer.b !== undefined && wanted.b !== undefined ? Math.min(apart, 5) : 5;
  return (
    codecs +
    same("l", 1_600) +
    same("r", 800) +
    same("n", 400) +
    same("h", 200) +
    same("g", 100) -
    100 * ratio -
    Math.min(Math.abs(offer.i - wanted.i), 90)
  );
}

/** Codecs without profile and level: "avc1.64001f,mp4a.40.2" as "avc1 mp4a". */
function families(codecs: string | undefined): string {
  const names = (codecs ?? "").split(",").map((codec) => codec.trim().split(".", 1)[0] ?? "");
  return [...new Set(names)].sort().join(" ");
}
