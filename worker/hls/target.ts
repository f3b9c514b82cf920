// From a path under a channel to the origin's URL: the configured playlist, something below its directory, or something
// below a sealed one. Any isolate can do it; nothing but the address and the configuration is needed.

import type { ChannelConfig, SourceConfig } from "../../shared/config/schema.ts";
import { decodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { parseAddress, pathOfTail } from "../../shared/hls/address.ts";
import type { SealedPlace } from "../../shared/hls/children.ts";
import { DELIVERY_NAMES, directivesOf } from "../../shared/hls/delivery.ts";
import { filterQuery, joinQueries, queryPairs } from "../../shared/hls/query.ts";
import type { Rendition } from "../../shared/hls/renditions.ts";
import { directoryOf } from "../../shared/hls/resolve.ts";
import { createSealer, type Sealer } from "../../shared/hls/seal.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import { importOf } from "../../shared/lists/channel-ids.ts";
import { shortName } from "../../shared/net/hash.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import type { Env } from "../env.ts";
import type { Exchange } from "../exchange.ts";
import { sourceInUse } from "./object/state.ts";
import { DIRECTIVES, withQuery } from "./pins.ts";

export interface Target {
  readonly url: string;
  /** Index of the source that it belongs to. */
  readonly source: number;
  readonly playlist: boolean;
  /** Variables of the playlist that named this one (EXT-X-DEFINE:IMPORT). */
  readonly imported: ReadonlyMap<string, string>;
  /** Set where another source may take over: channels with several sources, their playlist and its variants. */
  readonly track?: Track;
  /** True when a steering manifest's clone moved it: what lies below it at the origin does not lie below it here. */
  readonly steered?: boolean;
}

/** A playlist of a channel whichever source it comes from. */
export interface Track {
  /** Names it within the channel, its viewer's query included. */
  readonly key: string;
  /** What it is in its multivariant playlist; undefined: the channel's own playlist. */
  readonly rendition?: Rendition;
  /** Its URL at `source` without what the viewer's player added. */
  readonly plainUrl: string;
  /** What the viewer's player added. */
  readonly query: string;
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();
const NO_NAMES: ReadonlySet<string> = new Set();

let kept: { readonly rootKey: string; readonly sealer: Sealer } | undefined;

/** @throws CausewayError `secrets_missing` when ROOT_KEY is absent or malformed */
export async function channelSealer(env: Pick<Env, "ROOT_KEY">): Promise<Sealer> {
  const rootKey = env.ROOT_KEY;
  if (kept?.rootKey === rootKey) return kept.sealer;
  const bytes = decodeBase64Url(rootKey ?? "");
  if (bytes?.length !== 32) throw new CausewayError("secrets_missing");
  // Kept only once it is there: a promise of a request that ends early would never settle for the others.
  const sealer = remembering(await createSealer(bytes));
  kept = { rootKey, sealer };
  return sealer;
}

/** Opens each sealed text once; what is none is not remembered. */
function remembering(sealer: Sealer): Sealer {
  const opened = new ByteLru<string>(HLS_LIMITS.OPENED_BYTES);
  return {
    seal: sealer.seal,
    async open(purpose, sealed) {
      const key = `${purpose} ${sealed}`;
      const known = opened.get(key);
      if (known !== undefined) return known;
      const text = await sealer.open(purpose, sealed);
      if (text !== undefined) opened.set(key, text, text.length);
      return text;
    },
  };
}

/** A channel's source by its index. @throws CausewayError `not_found` when it has none of that index (any more) */
export function sourceOf(channel: ChannelConfig, index: number): SourceConfig {
  const source = channel.sources[index];
  if (source === undefined) throw new CausewayError("not_found");
  return source;
}

/** What stands sealed in b/<id>: where the child lies, for which channel, and the variables that it may import. */
type SealedDirectory = readonly [
  channel: string,
  source: number,
  directory: string,
  variables: readonly (readonly [string, string])[],
  offer?: SealedOffer | null,
  file?: string | null,
  added?: string,
];

/** A variant's whole address stands sealed: what a viewer could change would look like a failing source. */
type SealedOffer = readonly [file: string, rendition: Rendition, source: string];

/** What a variant's own source is called that is none of the channel's any more: another one is to be asked for it. */
const GONE = -1;

/** Where a playlist's children lie. */
export interface ChildPlace extends SealedPlace {
  readonly source: number;
}

export function sealDirectory(
  sealer: Sealer,
  channel: ChannelConfig,
  { source, directory, variables, offer, file, added }: ChildPlace,
): Promise<string> {
  const place = [channel.id, source, directory, [...variables]] as const;
  let content: SealedDirectory = place;
  if (offer) content = [...place, [offer.file, offer.rendition, nameOf(channel, source)]];
  else if (file !== undefined) content = [...place, null, file];
  else if (added !== undefined) content = [...place, null, null, added];
  return sealer.seal("directory", JSON.stringify(content));
}

/** Whether the other channels of a provider lie beside this one: it is an imported one. */
export function hasNeighbours({ id }: Pick<ChannelConfig, "id">): boolean {
  return importOf(id) !== undefined;
}

/** Whether whoever watches a channel may have no playlist of its origin's but those that it names. */
export function isBound(channel: Pick<ChannelConfig, "access" | "id">): boolean {
  return channel.access === "token" || hasNeighbours(channel);
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
    return streamTarget(channel, sourceInUse(channel), forwarded(channel, query, DELIVERY_NAMES));
  const names = address.playlist ? DELIVERY_NAMES : NO_NAMES;
  if (address.type === "relative") {
    // Which source's directory would be meant is unknown; such channels have sealed children only.
    if (channel.sources.length > 1 || hasNeighbours(channel)) throw new CausewayError("not_found");
    if (address.playlist && isBound(channel)) throw new CausewayError("not_found");
    // As a parsed URL spells it: the configured text may have capitals, a default port or dot segments.
    const url = below(ownDirectory(channel), address.path);
    return {
      url: withQuery(url, forwarded(channel, query, names)),
      source: 0,
      playlist: address.playlist,
      imported: NO_VARIABLES,
    };
  }
  const sealer = await channelSealer(x.env);
  const place = await openDirectory(sealer, channel, address.id);
  const { source, directory, variables, offer, file } = place;
  if (offer) {
    const plainUrl = below(directory, offer.file);
    const added = forwarded(channel, query, names);
    const key = trackKey(offer.rendition, added);
    const track = { key, rendition: offer.rendition, plainUrl, query: added };
    return { url: withQuery(plainUrl, added), source, playlist: true, imported: variables, track };
  }
  if (file !== undefined) {
    const url = withQuery(below(directory, file), forwarded(channel, query, names));
    return { url, source, playlist: true, imported: variables };
  }
  const path = pathOfTail(address.tail, place.added);
  const isStranger = isBound(channel) && (address.playlist || address.tail.includes("/"));
  if (path === undefined || isStranger) throw new CausewayError("not_found");
  const childQuery = channel.hide_query ? await openQuery(sealer, channel, { query, names }) : query;
  return {
    url: withQuery(below(directory, path), childQuery),
    source,
    playlist: address.playlist,
    imported: variables,
  };
}

async function openDirectory(sealer: Sealer, channel: ChannelConfig, id: string): Promise<ChildPlace> {
  const text = id.length > HLS_LIMITS.SEALED_CHARS_MAX ? undefined : await sealer.open("directory", id);
  if (text === undefined) throw new CausewayError("not_found");
  const [channelId, source, directory, variables, offer, own, added] = JSON.parse(text) as SealedDirectory;
  if (channelId !== channel.id) throw new CausewayError("not_found");
  const place = { source, directory, variables: new Map(variables) };
  const file = own ?? offer?.[0];
  if (!offer || channel.sources.length === 1) {
    sourceOf(channel, source);
    return { ...place, ...(file !== undefined && { file }), ...(added !== undefined && { added }) };
  }
  const [name, rendition, of] = offer;
  return {
    ...place,
    source: nameOf(channel, source) === of ? source : GONE,
    offer: { file: name, rendition },
  };
}

/** The origin's own query, then what the viewer's player added. */
async function openQuery(
  sealer: Sealer,
  channel: ChannelConfig,
  { query, names }: { readonly query: string; readonly names: ReadonlySet<string> },
): Promise<string> {
  const sealed = queryPairs(query).find(({ name }) => name === "q")?.value;
  const rest = filterQuery(query, (name) => name !== "q");
  const added = forwarded(channel, rest, names);
  if (sealed === undefined) return added;
  const text = sealed.length > HLS_LIMITS.SEALED_CHARS_MAX ? undefined : await sealer.open("query", sealed);
  if (!text?.startsWith(`${channel.id}?`)) throw new CausewayError("not_found");
  return joinQueries(text.slice(channel.id.length + 1), added);
}

/** The channel's own playlist at one of its sources. `query`: what the viewer's player added. */
export function streamTarget(channel: ChannelConfig, source: number, query: string): Target {
  const plainUrl = sourceOf(channel, source).url;
  const target = { url: withQuery(plainUrl, query), source, playlist: true, imported: NO_VARIABLES };
  if (channel.sources.length === 1) return target;
  return { ...target, track: { key: trackKey(undefined, query), plainUrl, query } };
}

/** The same for all reloads of one playlist: directives are left out, other forwarded queries make another playlist. */
function trackKey(rendition: Rendition | undefined, query: string): string {
  const lasting = filterQuery(query, (name) => !DIRECTIVES.has(name));
  const kind = rendition ? `${rendition.t} ${rendition.i} ${shortName(JSON.stringify(rendition))}` : "stream";
  return lasting === "" ? kind : `${kind} ${shortName(lasting)}`;
}

/** Addresses outlive pushes, after which the source of that index may be another one. */
function nameOf(channel: ChannelConfig, index: number): string {
  const source = channel.sources[index];
  return source === undefined ? "" : shortName(`${source.via} ${source.url}`);
}

/**
 * What of a viewer's query goes on to the origin: what the channel says, and of what players add by themselves those of
 * `names` that mean something there. Anything else would be a resource of its own for each value that somebody invents.
 * @throws CausewayError `bad_request` for a wrong _HLS_ directive
 */
export function forwarded(channel: ChannelConfig, query: string, names: ReadonlySet<string>): string {
  if (query === "") return "";
  const isWanted = (name: string) => names.has(name) || channel.forward_query.includes(name);
  const added = filterQuery(query, (name) => isWanted(name) && !DELIVERY_NAMES.has(name));
  const directives = names.size === 0 ? "" : directivesOf(query);
  if (directives === undefined) throw new CausewayError("bad_request");
  return joinQueries(added, directives);
}

const ownDirectories = new WeakMap<ChannelConfig, string>();

/** Where the playlist of a channel with one source lies. */
function ownDirectory(channel: ChannelConfig): string {
  let directory = ownDirectories.get(channel);
  if (directory === undefined) {
    directory = directoryOf(new URL(sourceOf(channel, 0).url).href);
    ownDirectories.set(channel, directory);
  }
  return directory;
}

/** Paths that the URL parser takes over as they are: nothing to decode, no dot segments. */
const PLAIN_PATH = /^(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;

/** `path` below `directory`; a path that leads out of it is refused however it is spelled. */
function below(directory: string, path: string): string {
  if (PLAIN_PATH.test(path)) return directory + path;
  const url = URL.parse(directory + path);
  if (!url?.href.startsWith(directory)) throw new CausewayError("not_found");
  return url.href;
}
