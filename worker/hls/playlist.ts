// Serves a playlist with its children's addresses under the channel. Only URI spans change; see shared/hls/scan.ts.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { staysRelative, tailOf, upwards } from "../../shared/hls/address.ts";
import { ChildResolver } from "../../shared/hls/resolve.ts";
import { replaceSpans } from "../../shared/hls/rewrite.ts";
import type { QueryParamSpan, UriSpan } from "../../shared/hls/scan.ts";
import type { Sealer } from "../../shared/hls/seal.ts";
import { encodePlaylist, portableUri } from "../../shared/hls/text.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { loadPlaylist, type StoredPlaylist } from "./playlist-store.ts";
import { replyHeaders } from "./reply.ts";
import { channelSealer, sealDirectory, sealQuery, type Target } from "./target.ts";
import type { Visit } from "./visit.ts";

const CONTENT_TYPE = "application/vnd.apple.mpegurl";
const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** @throws CausewayError as loadPlaylist */
export async function servePlaylist(
  visit: Visit,
  channel: ChannelConfig,
  place: { readonly rest: string; readonly target: Target },
): Promise<Response> {
  const { x } = visit;
  const { tier, stored } = await loadPlaylist(x, channel, place.target);
  const bytes = await rewritten(x, channel, place.rest, stored);
  const headers = replyHeaders(x, {
    contentType: CONTENT_TYPE,
    tier,
    ageMs: Date.now() - stored.facts.at,
    freshMs: stored.lifetime.freshMs,
    length: bytes.byteLength,
  });
  const body = visit.send(tier, x.request.method === "HEAD" ? null : bytes, bytes.byteLength);
  return new Response(body, { headers });
}

/** What the viewer gets: kept per depth of the path, and per host where that goes into it; any port may be asked for. */
async function rewritten(
  x: Exchange,
  channel: ChannelConfig,
  rest: string,
  stored: StoredPlaylist,
): Promise<Uint8Array> {
  const root = x.url.origin + x.url.pathname.slice(0, x.url.pathname.length - rest.length);
  const up = upwards(rest);
  const key = stored.playlist.absolute ? `${up} ${root}` : up;
  const kept = stored.rewrites.get(key);
  if (kept) return kept;
  const rewriter = new Rewriter(await channelSealer(x.env), channel, stored, { root, up });
  const bytes = encodePlaylist(await rewriter.run(), stored.encoding);
  if (stored.rewrites.size >= HLS_LIMITS.REWRITES_KEPT) stored.rewrites.clear();
  stored.rewrites.set(key, bytes);
  return bytes;
}

/** One playlist being rewritten; seals each directory and each query once. */
class Rewriter {
  readonly #sealer: Sealer;
  readonly #channel: ChannelConfig;
  readonly #stored: StoredPlaylist;
  readonly #place: { readonly root: string; readonly up: string };
  readonly #resolver: ChildResolver;
  readonly #directories = new Map<string, string>();
  readonly #queries = new Map<string, string>();

  constructor(
    sealer: Sealer,
    channel: ChannelConfig,
    stored: StoredPlaylist,
    place: { readonly root: string; readonly up: string },
  ) {
    this.#sealer = sealer;
    this.#channel = channel;
    this.#stored = stored;
    this.#place = place;
    this.#resolver = new ChildResolver(stored.url);
  }

  async run(): Promise<string> {
    const { text, playlist } = this.#stored;
    const replacements: (string | undefined)[] = [];
    for (const span of playlist.spans) {
      const replacement = span.type === "uri" ? this.#child(span) : this.#queryParam(span);
      // Awaiting what is known already would cost a tick per line.
      replacements.push(typeof replacement === "object" ? await replacement : replacement);
    }
    return replaceSpans(text, playlist.spans, replacements);
  }

  /** The variable as a plain definition; its value is empty where the origin's queries are to stay hidden. */
  #queryParam({ name, value }: QueryParamSpan): string {
    const shown = this.#channel.hide_query ? "" : value.replaceAll(/["\r\n]/g, "");
    return `NAME="${name}",VALUE="${shown}"`;
  }

  /** The child's public address; undefined leaves the text as it is. */
  #child(span: UriSpan): string | undefined | Promise<string> {
    const { redirected, encoding, playlist } = this.#stored;
    const uri = portableUri(span.uri, encoding);
    const unchanged = span.substituted ? uri : undefined;
    const inherits = playlist.variables.size > 0 && span.kind === "playlist";
    if (!redirected && !span.absolute && !inherits && staysRelative(uri, span.kind)) return unchanged;
    const location = this.#resolver.resolve(uri);
    if (!location) return unchanged;
    const variables = inherits ? playlist.variables : NO_VARIABLES;
    const prefix = span.absolute ? this.#place.root : this.#place.up;
    const tail = tailOf(location.name, span.kind, playlist.fragmented);
    const id = this.#directory(location.directory, variables);
    const query = location.query === undefined ? "" : this.#query(location.query);
    if (typeof id === "string" && typeof query === "string")
      return `${prefix}b/${id}/${tail}${query}${location.fragment}`;
    return Promise.all([id, query]).then(
      (parts) => `${prefix}b/${parts[0]}/${tail}${parts[1]}${location.fragment}`,
    );
  }

  #directory(directory: string, variables: ReadonlyMap<string, string>): string | Promise<string> {
    const key = variables.size === 0 ? directory : `${directory} `;
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    return sealDirectory(this.#sealer, this.#channel, directory, variables).then((id) => {
      this.#directories.set(key, id);
      return id;
    });
  }

  #query(query: string): string | Promise<string> {
    if (!this.#channel.hide_query) return `?${query}`;
    const known = this.#queries.get(query);
    if (known !== undefined) return known;
    return sealQuery(this.#sealer, this.#channel, query).then((sealed) => {
      this.#queries.set(query, `?q=${sealed}`);
      return `?q=${sealed}`;
    });
  }
}
