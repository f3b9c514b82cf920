// Gives a playlist's children their addresses under the channel, with the seals that this channel's addresses carry. How
// addresses look is shared/hls/children.ts.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { upwards } from "../../shared/hls/address.ts";
import { Children, type Seals } from "../../shared/hls/children.ts";
import { rewritePlaylist, staysWhole } from "../../shared/hls/rewrite.ts";
import type { Sealer } from "../../shared/hls/seal.ts";
import type { StoredPlaylist } from "./stored-playlist.ts";
import { hasNeighbours, isBound, sealDirectory, sealQuery, type Target } from "./target.ts";

/** Where a playlist is served. */
export interface ServedAt {
  /** What was asked for. */
  readonly target: Target;
  /** The path behind /proxy/ch_X/. */
  readonly rest: string;
  /** The URL up to there. */
  readonly root: string;
}

/** `source`: index of the one that the children belong to. */
export function channelSeals(sealer: Sealer, channel: ChannelConfig, source: number): Seals {
  return {
    place: (place) => sealDirectory(sealer, channel, { source, ...place }),
    query: (query) => sealQuery(sealer, channel, query),
    document: (kind, url) => sealer.seal(kind, JSON.stringify([channel.id, source, url])),
  };
}

/** Whether it is the channel's own playlist, whose variants another source may take over. */
function hasOffers({ track }: Target): boolean {
  return track !== undefined && track.rendition === undefined;
}

/** Places with the same key have the same text. */
export function placeKey({ playlist }: StoredPlaylist, { target, rest, root }: ServedAt): string {
  const flags = [rest.startsWith("b/"), target.steered === true, hasOffers(target)].map(Number).join("");
  return `${flags} ${upwards(rest)} ${playlist.absolute ? root : ""}`;
}

/** The text that viewers get. `sealer` is asked for only where something is to be sealed. */
export async function rewriteStored(
  sealer: () => Promise<Sealer>,
  channel: ChannelConfig,
  stored: StoredPlaylist,
  { target, rest, root }: ServedAt,
): Promise<string> {
  const { text, playlist, source, encoding } = stored;
  const bound = isBound(channel);
  // Nothing lies beside a playlist that stands whole in its address.
  const isApart = hasNeighbours(channel) || (bound && rest.startsWith("b/"));
  const mirrored = channel.sources.length === 1 && !stored.redirected && !target.steered && !isApart;
  if (staysWhole({ playlist, mirrored, bound })) return text;
  const hideQuery = channel.hide_query;
  const place = { base: stored.url, encoding, fragmented: playlist.fragmented, mirrored, bound, hideQuery };
  const children = new Children({ ...place, rest, root }, channelSeals(await sealer(), channel, source));
  const offers = hasOffers(target);
  return rewritePlaylist(text, children, {
    playlist,
    mirrored,
    bound,
    hideQuery,
    imported: target.imported,
    offers,
  });
}
