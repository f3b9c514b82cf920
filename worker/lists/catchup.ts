// Past programmes: the address that our lists give players for them, answered with a redirect to the origin's programme under
// the channel's sealed addresses. Neither the template nor the origin shows.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { addedTo, tailOf } from "../../shared/hls/address.ts";
import { catchupTimes, catchupUrl } from "../../shared/lists/catchup.ts";
import type { Exchange } from "../exchange.ts";
import { withCors } from "../hls/reply.ts";
import { channelSealer, isBound, sealDirectory, sealQuery, sourceOf } from "../hls/target.ts";
import { isRecording, recordingPath } from "./recording.ts";

/** The path under a channel. */
export const CATCHUP_PATH = "catchup.m3u8";

/**
 * Redirects to the programme that the query names.
 * @throws CausewayError `not_found` for a channel without catch-up, `bad_request` for times that name no past programme
 */
export async function redirectToProgramme(x: Exchange, channel: ChannelConfig): Promise<Response> {
  if (channel.catchup === undefined) throw new CausewayError("not_found");
  const times = catchupTimes(x.url.searchParams, Math.floor(x.startedAt / 1_000));
  if (times === undefined)
    throw new CausewayError("bad_request", "Cannot find the programme: utc must be its start");
  const source = 0;
  const { url: stream } = sourceOf(channel, source);
  const found = catchupUrl({ mode: channel.catchup, source: channel.catchup_source ?? "", stream }, times);
  if (found === undefined) throw new CausewayError("not_found");
  const url = new URL(found);
  url.hash = "";
  const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const path = isRecording(channel, name)
    ? await recordingPath(x, channel, { source, url: url.href })
    : await playlistPath(x, channel, { source, url, name });
  const headers = {
    // Relative to what was asked, so that a token in front of it stays.
    Location: path,
    "Cache-Control": "no-store",
    "X-Request-Id": x.requestId,
  };
  return withCors(new Response(null, { status: 302, headers }));
}

async function playlistPath(
  x: Exchange,
  channel: ChannelConfig,
  { source, url, name }: { readonly source: number; readonly url: URL; readonly name: string },
): Promise<string> {
  const directory = new URL(url);
  directory.search = "";
  directory.pathname = url.pathname.slice(0, url.pathname.length - name.length);
  const tail = tailOf(name, "playlist", false);
  const place = { source, directory: directory.href, variables: new Map<string, string>() };
  const sealer = await channelSealer(x.env);
  if (isBound(channel)) {
    const id = await sealDirectory(sealer, channel, { ...place, file: name + url.search });
    return `b/${id}/${tail}`;
  }
  const added = addedTo(name, tail);
  const id = await sealDirectory(sealer, channel, { ...place, ...(added !== undefined && { added }) });
  return `b/${id}/${tail}${await queryOf(x, channel, url.search.slice(1))}`;
}

async function queryOf(x: Exchange, channel: ChannelConfig, query: string): Promise<string> {
  if (query === "") return "";
  if (!channel.hide_query) return `?${query}`;
  return `?q=${await sealQuery(await channelSealer(x.env), channel, query)}`;
}
