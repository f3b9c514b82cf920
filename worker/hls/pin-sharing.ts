// Redirect targets that all isolates of a channel with several sources go by. Origins that spread viewers over machines
// would otherwise give each isolate another machine, and viewers sequence numbers that jump. URLs travel sealed.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { tell } from "./object/state.ts";
import { pinnedUrl, pinTo } from "./playlist-fetch.ts";
import type { LoadedPlaylist } from "./playlist-store.ts";
import { channelSealer, type Target } from "./target.ts";

/** A pin that was taken over from the object. */
export interface FollowedPin {
  readonly sealed: string;
  readonly url: string;
}

/** Pins that led this isolate nowhere, until all go by another one. */
const bad = new Set<string>();

/** Takes over the pin of the others. */
export async function followPin(
  x: Exchange,
  channel: ChannelConfig,
  place: Target,
  sealed: string | undefined,
): Promise<FollowedPin | undefined> {
  if (sealed === undefined || bad.has(sealed)) return undefined;
  const text = await (await channelSealer(x.env)).open("pin", sealed);
  const [plainUrl, url] = text === undefined ? [] : (JSON.parse(text) as [string, string]);
  if (url === undefined || plainUrl !== place.track?.plainUrl) return undefined;
  if (pinnedUrl(x, channel, place) !== url) pinTo(x, channel, place, url);
  return { sealed, url };
}

/** Tells the others where redirects led, or that what they go by leads nowhere any more. */
export function agreeOnPin(
  x: Exchange,
  channel: ChannelConfig,
  place: Target,
  found: {
    readonly track: string;
    readonly generation: number;
    readonly loaded: LoadedPlaylist;
    readonly followed: FollowedPin | undefined;
  },
): void {
  const { track, generation, loaded, followed } = found;
  if (loaded.tier !== "origin") return;
  const { redirected, url } = loaded.stored;
  // What a viewer's directives add says nothing about where the playlist is.
  if (place.url !== place.track?.plainUrl) return;
  if (followed?.url === url || (!redirected && !followed)) return;
  if (followed) {
    if (bad.size >= HLS_LIMITS.PINS_MAX) bad.clear();
    bad.add(followed.sealed);
  }
  x.ctx.waitUntil(
    (async () => {
      const unpin = followed && { track, sealed: followed.sealed };
      const text = JSON.stringify([place.track?.plainUrl, url]);
      const sealed = await (await channelSealer(x.env)).seal("pin", text);
      const pin = { track, generation, sealed };
      await tell(x, channel, `pin ${track}`, {
        ...(unpin ? { unpin } : {}),
        ...(redirected ? { pin } : {}),
      });
    })(),
  );
}
