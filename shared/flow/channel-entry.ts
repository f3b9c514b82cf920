// A channel's place in the totals: what was ever counted of it, who watches now, and how things went lately. Pure.

import { STATS_LIMITS } from "../limits.ts";
import { Audience, type AudiencePlaces } from "./audience.ts";
import {
  type ChannelDelta,
  type ChannelSnapshot,
  type ChannelSource,
  copyChannelCounts,
  noChannelCounts,
} from "./channel.ts";
import { RecentLatencies } from "./latency.ts";

export class ChannelEntry {
  readonly counts = noChannelCounts();
  readonly #audience: Audience;
  readonly #recent = new RecentLatencies(STATS_LIMITS.RECENT_LATENCY_MS);
  #source: ChannelSource | undefined;

  constructor(places: AudiencePlaces) {
    this.#audience = new Audience(places, STATS_LIMITS.VIEWER_SHOWN_MS);
  }

  /** Takes what is no sum: `counts` is added to apart. */
  note({ viewers, source, segment_ms }: Readonly<ChannelDelta>, now: number): void {
    this.#audience.see(viewers, now);
    if (segment_ms.counts.length > 0) this.#recent.add(segment_ms, now);
    if (source) this.#source = source;
  }

  snapshot(now: number): ChannelSnapshot {
    return {
      ...copyChannelCounts(this.counts),
      viewers: this.#audience.count(now),
      recent_ms: this.#recent.read(now),
      ...(this.#source && { source: this.#source }),
    };
  }

  prune(now: number): void {
    this.#audience.prune(now);
  }
}
