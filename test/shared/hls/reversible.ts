// A channel in a box: addresses as the Worker makes them, with seals that anyone can open, and the way back from a public
// URL to what the proxy would fetch for it.

import {
  documentAddress,
  parseAddress,
  parseDocumentAddress,
  pathOfTail,
} from "../../../shared/hls/address.ts";
import type { Seals } from "../../../shared/hls/children.ts";
import { queryPairs } from "../../../shared/hls/query.ts";
import { directoryOf } from "../../../shared/hls/resolve.ts";

export const ROOT = "https://edge.example/proxy/ch_a/";
export const SOURCE = "https://o.example/live/index.m3u8?s=1";

const seal = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const open = (text: string): unknown => JSON.parse(Buffer.from(text, "base64url").toString());

export const REVERSIBLE: Seals = {
  place: async ({ directory, offer, file = offer?.file ?? null, added }) => seal([directory, file, added]),
  query: async (query) => seal(query),
  document: async (_kind, url) => seal(url),
};

/** The public path of a playlist that the master sealed. */
export function sealedPath(url: string): string {
  const directory = directoryOf(url);
  return `b/${seal([directory])}/${url.slice(directory.length).replace(/\?.*/, "")}`;
}

/** What the proxy fetches for `url`; undefined for URLs that are none of the channel's. */
export function fetched(url: string): string | undefined {
  const asked = new URL(url);
  if (!asked.href.startsWith(ROOT)) return undefined;
  const rest = asked.pathname.slice(new URL(ROOT).pathname.length);
  const document = parseDocumentAddress(rest);
  if (document) {
    if (documentAddress(document.kind, document.id) !== rest) return undefined;
    return String(open(document.id));
  }
  const address = parseAddress(rest);
  if (!address) return undefined;
  if (address.type === "stream") return SOURCE;
  if (address.type === "relative") return directoryOf(SOURCE) + address.path + asked.search;
  const [directory, file, added] = open(address.id) as [string, string | null | undefined, string | null];
  if (file) return directory + file;
  const path = pathOfTail(address.tail, added ?? undefined);
  if (path === undefined) return undefined;
  const sealed = queryPairs(asked.search.slice(1)).find(({ name }) => name === "q")?.value;
  return directory + path + (sealed === undefined ? "" : `?${open(sealed)}`);
}

/** As a fetch sends it: without fragment, and without a question mark that nothing follows. */
export function sent(url: string): string {
  const parsed = new URL(url);
  parsed.hash = "";
  return parsed.search === "" ? parsed.href.replace(/\?$/, "") : parsed.href;
}
