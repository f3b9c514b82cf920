// Tries of preferred sources, beside viewers' requests, by the isolate that the channel's object has told to.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Exchange } from "../exchange.ts";
import { takeTrial, tell } from "./object/state.ts";
import { blocksIn, patienceOf, type Tracked } from "./shown.ts";
import { alikeAt, load } from "./source-place.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";

/** Tries, beside the viewer's request, the preferred source that this isolate was told to try. */
export function tryPreferred(x: Exchange, channel: ChannelConfig, target: Tracked): void {
  const source = takeTrial(channel);
  if (source === undefined || source >= channel.sources.length) return;
  x.ctx.waitUntil(judged(x, channel, target, source));
}

async function judged(x: Exchange, channel: ChannelConfig, target: Tracked, source: number): Promise<void> {
  const track = target.track.key;
  const failed = { source, ok: false, track, last: 0, live: false, patienceMs: 0 };
  try {
    const stored = await loadTried(x, channel, target, source);
    const blocks = blocksIn(stored);
    if (blocks.blocks.length === 0 && stored.playlist.kind === "media")
      throw new CausewayError("playlist_malformed");
    const { live } = stored.playlist;
    const trial = { source, ok: true, track, last: blocks.last, live, patienceMs: patienceOf(blocks) };
    await tell(x, channel, `trial ${source}`, { trial });
  } catch {
    await tell(x, channel, `trial ${source}`, { trial: failed });
  }
}

/** The same playlist as the viewer's from the source that is tried. */
async function loadTried(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  source: number,
): Promise<StoredPlaylist> {
  const isOwn = target.track.rendition !== undefined && source === target.source;
  const url = target.track.plainUrl;
  const place = isOwn ? { ...target, url } : await alikeAt(x, channel, target, { source, query: "" });
  const { stored } = await load(x, channel, place, undefined);
  return stored;
}
