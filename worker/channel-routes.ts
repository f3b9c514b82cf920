// The addresses of channels, the same on control hosts and on channel hosts: lists, the guide, and each channel's playlist and
// children. The rest of a channel's path is handed over undecoded.

import { CausewayError } from "../shared/errors.ts";
import { parseViewerPath } from "../shared/viewers/address.ts";
import type { Exchange } from "./exchange.ts";
import { serveViewerList } from "./hls/access/viewer-list.ts";
import { handleChannel } from "./hls/channel.ts";
import { isListPath, serveLists } from "./lists/serve.ts";

const CHANNEL_PATH = /^\/proxy\/(ch_[A-Za-z0-9_-]{1,60})\/(.*)$/;

export function isChannelPath(pathname: string): boolean {
  return isListPath(pathname) || pathname.startsWith("/proxy/") || parseViewerPath(pathname) !== undefined;
}

/**
 * Answers a path for which {@link isChannelPath} is true.
 * @throws CausewayError `not_found`, or what the channel throws
 */
export async function serveChannels(x: Exchange): Promise<Response> {
  if (isListPath(x.url.pathname)) return serveLists(x);
  const viewerPath = parseViewerPath(x.url.pathname);
  if (viewerPath) return serveViewerList(x, viewerPath);
  const match = CHANNEL_PATH.exec(x.url.pathname);
  if (match?.[1] === undefined || match[2] === undefined) throw new CausewayError("not_found");
  return handleChannel(x, match[1], match[2]);
}
