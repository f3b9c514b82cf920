// From a path under a channel to the origin's URL: the configured playlist, something below its directory, or something
// below a sealed one. Any isolate can do it; nothing but the address and the configuration is needed.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { decodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { parseAddress } from "../../shared/hls/address.ts";
import { filterQuery, joinQueries, queryPairs } from "../../shared/hls/query.ts";
import { directoryOf } from "../../shared/hls/resolve.ts";
import { createSealer, type Sealer } from "../../shared/hls/seal.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Env } from "../env.ts";
import type { Exchange } from "../exchange.ts";
import { DIRECTIVES, withQuery } from "./pins.ts";

/** Index of the only source until a channel has several. */
export const SOURCE = 0;

export interface Target {
  readonly url: string;
  readonly playlist: boolean;
  /** Variables of the playlist that named this one (EXT-X-DEFINE:IMPORT). */
  readonly imported: ReadonlyMap<string, string>;
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

let kept: { readonly rootKey: string; readonly sealer: Sealer } | undefined;

/** @throws CausewayError `secrets_missing` when ROOT_KEY is absent or malformed */
export async function channelSealer(env: Pick<Env, "ROOT_KEY">): Promise<Sealer> {
  const rootKey = env.ROOT_KEY;
  if (kept?.rootKey === rootKey) return kept.sealer;
  const bytes = decodeBase64Url(rootKey ?? "");
  if (bytes?.length !== 32) throw new CausewayError("secrets_missing");
  // Kept only once it is there: a promise of a request that ends early would never settle for the others.
  const sealer = await createSealer(bytes);
  kept = { rootKey, sealer };
  return sealer;
}

/** The configured playlist URL of a channel. */
export function sourceOf(channel: ChannelConfig): string {
  const source = channel.sources[SOURCE];
  if (source === undefined) throw new CausewayError("internal");
  return source;
}

/** What stands sealed in b/<id>: where the child lies, for which channel, and the variables that it may import. */
type SealedDirectory = readonly [
  channel: string,
  source: number,
  directory: string,
  variables: [string, string][],
];

export function sealDirectory(
  sealer: Sealer,
  channel: ChannelConfig,
  directory: string,
  variables: ReadonlyMap<string, string>,
): Promise<string> {
  const content: SealedDirectory = [channel.id, SOURCE, directory, [...variables]];
  return sealer.seal("directory", JSON.stringify(content));
}

/** The query is bound to the channel, not to the child: one token may serve thousands of segments. */
export function sealQuery(sealer: Sealer, channel: ChannelConfig, query: string): Promise<string> {
  return sealer.seal("query", `${channel.id}?${query}`);
}

/**
 * What the path `rest` of `channel` stands for.
 * @throws CausewayError `not_found` for paths that this channel does not have, `bad_request` for a wrong _HLS_ directive
 */
export async function resolveTarget(x: Exchange, channel: ChannelConfig, rest: string): Promise<Target> {
  const address = parseAddress(rest);
  if (!address) throw new CausewayError("not_found");
  const query = x.url.search.slice(1);
  if (address.type === "stream")
    return {
      url: withQuery(sourceOf(channel), forwarded(channel, query)),
      playlist: true,
      imported: NO_VARIABLES,
    };
  if (address.type === "relative") {
    // As a parsed URL spells it: the configured text may have capitals, a default port or dot segments.
    const url = below(directoryOf(new URL(sourceOf(channel)).href), address.path);
    return {
      url: withQuery(url, forwarded(channel, query)),
      playlist: address.playlist,
      imported: NO_VARIABLES,
    };
  }
  const sealer = await channelSealer(x.env);
  const [directory, variables] = await openDirectory(sealer, channel, address.id);
  const childQuery = channel.hide_query ? await openQuery(sealer, channel, query) : query;
  return {
    url: withQuery(below(directory, address.path), childQuery),
    playlist: address.playlist,
    imported: new Map(variables),
  };
}

async function openDirectory(
  sealer: Sealer,
  channel: ChannelConfig,
  id: string,
): Promise<[directory: string, variables: [string, string][]]> {
  const text = id.length > HLS_LIMITS.SEALED_CHARS_MAX ? undefined : await sealer.open("directory", id);
  if (text === undefined) throw new CausewayError("not_found");
  const [channelId, source, directory, variables] = JSON.parse(text) as SealedDirectory;
  if (channelId !== channel.id || source !== SOURCE) throw new CausewayError("not_found");
  return [directory, variables];
}

/** The origin's own query, then what the viewer's player added. */
async function openQuery(sealer: Sealer, channel: ChannelConfig, query: string): Promise<string> {
  const sealed = queryPairs(query).find(({ name }) => name === "q")?.value;
  const added = forwarded(
    channel,
    filterQuery(query, (name) => name !== "q"),
  );
  if (sealed === undefined) return added;
  const text = sealed.length > HLS_LIMITS.SEALED_CHARS_MAX ? undefined : await sealer.open("query", sealed);
  if (!text?.startsWith(`${channel.id}?`)) throw new CausewayError("not_found");
  return joinQueries(text.slice(channel.id.length + 1), added);
}

/** What of a viewer's query goes on to the origin. */
function forwarded(channel: ChannelConfig, query: string): string {
  if (query === "") return "";
  const names = new Set(queryPairs(query).map(({ name }) => name));
  // RFC 8216bis section 6.2.5.2: a part is named within a segment.
  if (names.has("_HLS_part") && !names.has("_HLS_msn")) throw new CausewayError("bad_request");
  return filterQuery(query, (name) => DIRECTIVES.has(name) || channel.forward_query.includes(name));
}

/** `path` below `directory`; a path that leads out of it is refused however it is spelled. */
function below(directory: string, path: string): string {
  const url = URL.parse(directory + path);
  if (!url?.href.startsWith(directory)) throw new CausewayError("not_found");
  return url.href;
}
