// Channels with `prefetch = n`: the newest segments of a live playlist are fetched as soon as an isolate has the playlist,
// before a viewer asks for them. Beside the viewers' requests: nobody waits for it, and what fails is fetched again for the
// first viewer who wants it.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { newestSegments } from "../../shared/hls/newest.ts";
import { ChildResolver } from "../../shared/hls/resolve.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import type { Exchange } from "../exchange.ts";
import { fetchAhead } from "./segment-store.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";

/** Directories whose segments may not be kept, and until when that is believed: milliseconds since the epoch. */
const futile = new ByteLru<number>(LIMITS.FUTILE_BYTES);

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** Never rejects. Newest first: that is what viewers at the live edge ask for next. */
export async function prefetch(x: Exchange, channel: ChannelConfig, stored: StoredPlaylist): Promise<void> {
  const { playlist, text, url, source } = stored;
  if (!playlist.live) return;
  const resolver = new ChildResolver(url);
  const queue = newestSegments(text, channel.prefetch, playlist.variables);
  const work = async () => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const place = resolver.resolve(next.uri);
      if (!place) continue;
      const directory = `${channel.id} ${source} ${place.directory}`;
      if ((futile.get(directory) ?? 0) > Date.now()) continue;
      const query = place.query === undefined ? "" : `?${place.query}`;
      const target = {
        url: place.directory + place.name + query,
        source,
        playlist: false,
        imported: NO_VARIABLES,
      };
      try {
        const isKept = await fetchAhead(x, channel, target, next.range);
        if (!isKept) futile.set(directory, Date.now() + LIMITS.FUTILE_MS, 0);
      } catch {
        // The viewer who asks for it is told why.
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.PREFETCHES_AT_ONCE }, work));
}
