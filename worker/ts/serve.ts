// Serves a transport stream channel to a viewer: finds an object with room, and passes its stream on, metered.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { ShardGuide } from "../../shared/ts/shards.ts";
import type { Exchange } from "../exchange.ts";
import { replyHeaders } from "../hls/reply.ts";
import { Visit } from "../hls/visit.ts";
import { callJoin, type JoinReply, type JoinRole } from "./join.ts";

/** The one address of such a channel, behind /proxy/ch_X/. */
export const STREAM_PATH = "stream.ts";
const PLAYLIST_PATH = "stream.m3u8";

const guide = new ShardGuide();

/**
 * Answers for `rest`, the path behind /proxy/ch_X/.
 * @throws CausewayError `channel_is_ts` where a playlist is asked for, `not_found` for any other path, what the channel's
 * sources fail of, `channel_full`, `object_unreachable`
 */
export async function serveTransportStream(
  x: Exchange,
  channel: ChannelConfig,
  rest: string,
): Promise<Response> {
  if (rest !== STREAM_PATH) throw new CausewayError(rest === PLAYLIST_PATH ? "channel_is_ts" : "not_found");
  const visit = new Visit(x, channel.id, channel.sources[0]?.url ?? x.url.href);
  try {
    return await stream(visit, channel);
  } catch (error) {
    visit.fail(error);
    throw error;
  }
}

async function stream(visit: Visit, channel: ChannelConfig): Promise<Response> {
  const { x } = visit;
  const role = x.request.method === "HEAD" ? "probe" : "viewer";
  const { body, isShared } = await join(x, channel.id, role);
  const tier = isShared ? "collapsed" : "bypass";
  const headers = replyHeaders(x, { contentType: "video/mp2t", tier, ageMs: 0, freshMs: 0 });
  // It never ends, and every moment of it is another: nothing for a cache.
  headers["Cache-Control"] = "no-store";
  return new Response(visit.send(tier, body, undefined), { headers });
}

type Joined = Extract<JoinReply, { readonly type: "joined" }>;

async function join(x: Exchange, channel: string, role: JoinRole): Promise<Joined> {
  for (const shard of guide.candidates(channel, Math.random, Date.now)) {
    const reply = await callJoin(x.env, { channel, shard, role });
    if (reply.type === "joined") return reply;
  }
  throw new CausewayError("channel_full");
}
