// Past programmes: the address that our lists give players for them, answered with a redirect to the origin's programme under
// the channel's sealed addresses. Neither the template nor the origin shows.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { Children } from "../../shared/hls/children.ts";
import { catchupTimes, catchupUrl } from "../../shared/lists/catchup.ts";
import type { Exchange } from "../exchange.ts";
import { withCors } from "../hls/reply.ts";
import { channelSeals } from "../hls/rewriter.ts";
import { channelSealer, isBound, sourceOf } from "../hls/target.ts";
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
    : await playlistPath(x, channel, { source, url: url.href });
  const headers = {
    // Relative to what was asked, so that a token in front of it stays.
    Location: path,
    "Cache-Control": "no-store",
    "X-Request-Id": x.requestId,
  };
  return withCors(new Response(null, { status: 302, headers }));
}

/** The address that a playlist of the channel's would give it. */
async function playlistPath(
  x: Exchange,
  channel: ChannelConfig,
  { source, url }: { readonly source: number; readonly url: string },
): Promise<string> {
  const scope = {
    base: url,
    encoding: "utf-8",
    fragmented: false,
    mirrored: false,
    bound: isBound(channel),
    hideQuery: channel.hide_query,
    rest: CATCHUP_PATH,
    root: "",
  } as const;
  const children = new Children(scope, channelSeals(await channelSealer(x.env), channel, source));
  const child = {
    uri: url,
    kind: "playlist",
    absolute: false,
    variables: new Map<string, string>(),
  } as const;
  const path = await children.address(child);
  if (path === undefined) throw new CausewayError("not_found");
  return path;
}
