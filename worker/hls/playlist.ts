// Serves a playlist with its children's addresses under the channel. Only URI spans change; see shared/hls/scan.ts.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { readBlocks } from "../../shared/hls/blocks.ts";
import { renumber } from "../../shared/hls/renumber.ts";
import { encodePlaylist } from "../../shared/hls/text.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { loadTrack } from "./failover.ts";
import { loadPlaylist } from "./playlist-store.ts";
import { replyHeaders } from "./reply.ts";
import { placeKey, rewriteStored } from "./rewriter.ts";
import type { LoadedTrack } from "./shown.ts";
import { channelSealer, type Target } from "./target.ts";
import type { Visit } from "./visit.ts";

const CONTENT_TYPE = "application/vnd.apple.mpegurl";

/** @throws CausewayError as loadPlaylist */
export async function servePlaylist(
  visit: Visit,
  channel: ChannelConfig,
  place: { readonly rest: string; readonly target: Target },
): Promise<Response> {
  const { x } = visit;
  const { target } = place;
  const { track } = target;
  const loaded: LoadedTrack = track
    ? await loadTrack(x, channel, { ...target, track })
    : await loadPlaylist(x, channel, target);
  const { tier, stored } = loaded;
  const bytes = await rewritten(x, channel, place, loaded);
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
  { rest, target }: { readonly rest: string; readonly target: Target },
  { stored, numbering }: LoadedTrack,
): Promise<Uint8Array> {
  const root = x.url.origin + x.url.pathname.slice(0, x.url.pathname.length - rest.length);
  const at = { target, rest, root };
  const place = placeKey(stored, at);
  const key = numbering ? `${place} ${JSON.stringify(numbering)}` : place;
  const kept = stored.rewrites.get(key);
  if (kept) return kept;
  const text = await rewriteStored(() => channelSealer(x.env), channel, stored, at);
  const blocks = numbering && readBlocks(text);
  const bytes = encodePlaylist(blocks ? renumber(blocks, numbering) : text, stored.encoding);
  if (stored.rewrites.size >= HLS_LIMITS.REWRITES_KEPT) stored.rewrites.clear();
  stored.rewrites.set(key, bytes);
  return bytes;
}
