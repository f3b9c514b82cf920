// Channels: /proxy/ch_X/… . Decides in this order: preflight, method, channel, token, place, and then what the path stands
// for, a playlist or a segment. Whatever goes wrong, the answer is one that a player on another site can read.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { failureResponse, withFields } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { CATCHUP_PATH, redirectToProgramme } from "../lists/catchup.ts";
import { resolveRecording, serveRecording } from "../lists/recording.ts";
import { STREAM_PATH, serveTransportStream } from "../ts/serve.ts";
import { type Admitted, admit, isGuarded } from "./access/admission.ts";
import { isDocumentPath, resolveDocument, serveDocument } from "./document.ts";
import { sourceInUse } from "./object/state.ts";
import { servePlaylist } from "./playlist.ts";
import { cacheStatus, preflight, withCors } from "./reply.ts";
import { serveSegment } from "./segment.ts";
import { isSteered, steerTarget } from "./steering.ts";
import { resolveTarget } from "./target.ts";
import { Visit } from "./visit.ts";
import { wayOf } from "./way.ts";

/** Answers for `path`, the undecoded path behind /proxy/ch_X/. Never rejects: errors need CORS headers, too. */
export async function handleChannel(x: Exchange, channelId: string, path: string): Promise<Response> {
  const { method } = x.request;
  try {
    if (method === "OPTIONS") return preflight(x);
    if (method !== "GET" && method !== "HEAD") throw new CausewayError("method_not_allowed");
    const channel = await x.config.channel(channelId);
    if (!channel) throw new CausewayError("channel_unknown");
    if (!isGuarded(channel, path)) return await serve(x, channel, path);
    const { rest, viewing } = await admitted(x, channel, path);
    const reply = await serve(viewing ? { ...x, viewing } : x, channel, rest);
    return channel.access === "token" ? madePrivate(reply) : reply;
  } catch (thrown) {
    const allow = "GET, HEAD, OPTIONS";
    return withCors(failureResponse(thrown, { request: x.request, requestId: x.requestId, allow }));
  }
}

/** Who is turned away is counted by code: the channel exists, so this is bounded by the configuration. */
async function admitted(x: Exchange, channel: ChannelConfig, path: string): Promise<Admitted> {
  try {
    return await admit(x, channel, path);
  } catch (thrown) {
    const code = thrown instanceof CausewayError ? thrown.code : "internal";
    x.meter.refuse(channel.id, "hls", code);
    x.meter.touch(x.env, x.ctx);
    throw thrown;
  }
}

/** Nothing between here and the viewer may give what one viewer may see to another. */
function madePrivate(reply: Response): Response {
  const directives = reply.headers.get("cache-control");
  if (directives !== null) reply.headers.set("Cache-Control", `private, ${directives}`);
  return reply;
}

async function serve(x: Exchange, channel: ChannelConfig, rest: string): Promise<Response> {
  if (rest === CATCHUP_PATH) return redirectToProgramme(x, channel);
  const isProgramme = channel.catchup !== undefined && rest.startsWith("b/");
  if (channel.kind === "ts" && !isProgramme) return serveTransportStream(x, channel, rest);
  if (rest === STREAM_PATH) throw new CausewayError("channel_is_hls");
  const recording = isProgramme ? await resolveRecording(x, channel, rest) : undefined;
  const document = isDocumentPath(rest) ? await resolveDocument(x, channel, rest) : undefined;
  const asked = recording ?? document ?? (await resolveTarget(x, channel, rest));
  const target = !document && isSteered(x) ? await steerTarget(x, channel, asked) : asked;
  const visit = new Visit(x, channel.id, target.url);
  try {
    if (recording) return await serveRecording(visit, channel, recording);
    if (document) return await serveDocument(visit, channel, { rest, target: document });
    if (!target.playlist) return await serveSegment(visit, channel, target);
    const reply = await servePlaylist(visit, channel, { rest, target });
    noteSource(visit, channel);
    return reply;
  } catch (error) {
    visit.fail(error);
    throw withFields(error, [["cache-status", cacheStatus("bypass")]]);
  }
}

/** Which source the channel's playlists come from, as far as this isolate has heard. */
function noteSource(visit: Visit, channel: ChannelConfig): void {
  const index = sourceInUse(channel);
  visit.noteSource({ index, of: channel.sources.length, host: wayOf(channel, index).source.host });
}
