// What a channel that is one transport stream cannot have: keys about playlists, which it has none of. Pure.

import { type Problem, showValue } from "./problem.ts";
import { entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Keys about the requests of playlists and segments; past programmes may be made of these. */
const PLAYLIST_KEYS = ["ignore_query", "forward_query", "hide_query", "shield", "prefetch"] as const;

/** A problem for each key that would be ignored. */
export function checkTransportStreams(raw: Table): Problem[] {
  return entriesOf(raw, "channels").flatMap((entry) => {
    if (textOf(entry, "kind") !== "ts") return [];
    const keys = entry.table.catchup === undefined ? [...PLAYLIST_KEYS, "failback"] : ["failback"];
    return keys
      .filter((key) => entry.table[key] !== undefined)
      .map((key) => ({
        path: `${entry.path}.${key}`,
        value: showValue(entry.table[key], undefined),
        legal: 'nothing: with kind = "ts" there are no playlists, and the next source takes over for good',
      }));
  });
}
