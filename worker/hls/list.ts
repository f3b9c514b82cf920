// The channel list for players: /playlist.m3u with the attributes that they read, absolute on the host that was asked.

import type { ChannelSummary } from "../../shared/config/document.ts";
import { CausewayError } from "../../shared/errors.ts";
import { failureResponse } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { preflight, withCors } from "./reply.ts";

export function channelList(x: Exchange): Response {
  const { method } = x.request;
  if (method === "OPTIONS") return preflight(x);
  if (method !== "GET" && method !== "HEAD") {
    const error = new CausewayError("method_not_allowed");
    return withCors(
      failureResponse(error, { request: x.request, requestId: x.requestId, allow: "GET, HEAD, OPTIONS" }),
    );
  }
  const text = formatList(x.config.channels, x.url.origin);
  const headers = {
    "Content-Type": "audio/x-mpegurl; charset=utf-8",
    "Content-Disposition": 'inline; filename="playlist.m3u"',
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": x.requestId,
  };
  return withCors(new Response(method === "HEAD" ? null : text, { headers }));
}

/** `origin`: scheme and host that the channels' addresses begin with. */
function formatList(channels: readonly ChannelSummary[], origin: string): string {
  const entries = channels.map((channel) => {
    const name = channel.name || channel.id;
    const attributes = [
      attribute("tvg-id", channel.tvg_id),
      attribute("tvg-name", name),
      attribute("tvg-logo", channel.logo ?? ""),
      attribute("group-title", channel.group),
    ].join("");
    return `#EXTINF:-1${attributes},${oneLine(name)}\n${origin}/proxy/${channel.id}/stream.m3u8\n`;
  });
  return `#EXTM3U\n${entries.join("")}`;
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f\u2028\u2029]+/g, " ");
}

/** The format has no escape for quotes, so they become typographic neighbours that no parser mistakes. */
function attribute(name: string, value: string): string {
  return value === "" ? "" : ` ${name}="${oneLine(value).replaceAll('"', "'")}"`;
}
