// A playlist as an isolate keeps it: its text, what was found in it, and what viewers got of it so far.

import type { ErrorCode } from "../../shared/errors.ts";
import type { PlaylistLifetime } from "../../shared/hls/freshness.ts";
import type { Playlist } from "../../shared/hls/scan.ts";
import type { PlaylistText } from "../../shared/hls/text.ts";
import type { Facts } from "./resource.ts";

export interface StoredPlaylist extends PlaylistText {
  readonly playlist: Playlist;
  readonly lifetime: PlaylistLifetime;
  readonly facts: Facts;
  /** Where it came from after redirects: what its URIs are relative to. */
  readonly url: string;
  /** Index of the source that it is from. */
  readonly source: number;
  readonly redirected: boolean;
  /** What viewers get, by depth of the path and, where it matters, host. */
  readonly rewrites: Map<string, Uint8Array>;
  /** When the text was first seen: milliseconds since the epoch. */
  changedAt: number;
  /** After a failure the origin is left alone until then: milliseconds since the epoch. */
  retryAt: number;
  /** Why the origin gave nothing newer, once it was asked. */
  failure?: ErrorCode;
}
