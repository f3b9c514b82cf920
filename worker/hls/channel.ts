// Channels: /proxy/ch_X/… . Finds out what a path stands for and has it served as a playlist or as a segment. Whatever
// goes wrong, the answer is one that a player on another site can read.

import { CausewayError } from "../../shared/errors.ts";
import { failureResponse } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { servePlaylist } from "./playlist.ts";
import { preflight, withCors } from "./reply.ts";
import { serveSegment } from "./segment.ts";
import { resolveTarget } from "./target.ts";
import { Visit } from "./visit.ts";

/** Answers for `rest`, the undecoded path behind /proxy/ch_X/. Never rejects: errors need CORS headers, too. */
export async function handleChannel(x: Exchange, channelId: string, rest: string): Promise<Response> {
  const { method } = x.request;
  try {
    if (method === "OPTIONS") return preflight(x);
    if (method !== "GET" && method !== "HEAD") throw new CausewayError("method_not_allowed");
    return await serve(x, channelId, rest);
  } catch (thrown) {
    const allow = "GET, HEAD, OPTIONS";
    return withCors(failureResponse(thrown, { request: x.request, requestId: x.requestId, allow }));
  }
}

async function serve(x: Exchange, channelId: string, rest: string): Promise<Response> {
  const channel = await x.config.channel(channelId);
  if (!channel) throw new CausewayError("channel_unknown");
  const target = await resolveTarget(x, channel, rest);
  const visit = new Visit(x, channel.id, target.url);
  try {
    return target.playlist
      ? await servePlaylist(visit, channel, { rest, target })
      : await serveSegment(visit, channel, target);
  } catch (error) {
    visit.fail();
    throw error;
  }
}
