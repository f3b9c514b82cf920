// Which of a channel's objects a viewer is sent to. Objects stand in levels of 1, 1, 2, 4, 8 …; a viewer tries some of a
// level, by chance, and goes on to the next when they are full, so that no object has to know the others and a search is
// short whatever the audience. Each object but the first pulls from the one above it. Pure: chance and time come in.

import { TS_LIMITS } from "../limits.ts";

const LAST_LEVEL = Math.log2(TS_LIMITS.SHARDS_MAX);

/** The object that `shard` pulls from; undefined for the first one, which pulls from the origin. */
export function parentOf(shard: number): number | undefined {
  return shard === 0 ? undefined : Math.floor((shard - 1) / TS_LIMITS.FAN_OUT);
}

/** The name of a channel's object. */
export function shardName(channel: string, shard: number): string {
  return `${channel}#${shard}`;
}

function firstOf(level: number): number {
  return level === 0 ? 0 : 2 ** (level - 1);
}

function sizeOf(level: number): number {
  return level === 0 ? 1 : 2 ** (level - 1);
}

interface Known {
  /** Levels below this one were full. */
  readonly level: number;
  /** When it was found out: milliseconds since the epoch. */
  readonly at: number;
}

/** What one isolate knows of the channels' objects. */
export class ShardGuide {
  readonly #known = new Map<string, Known>();

  /** Objects to try in turn; going on to one of a later level says that those before were full. */
  *candidates(
    channel: string,
    random: () => number,
    now: () => number,
  ): Generator<number, undefined, undefined> {
    for (let level = this.#startLevel(channel, now()); level <= LAST_LEVEL; level++) {
      const picks = level === LAST_LEVEL ? TS_LIMITS.PICKS_ON_LAST_LEVEL : TS_LIMITS.PICKS_PER_LEVEL;
      const size = sizeOf(level);
      const first = Math.floor(random() * size);
      const count = Math.min(picks, size);
      // Evenly spread over the level, so that no two are the same.
      for (let pick = 0; pick < count; pick++)
        yield firstOf(level) + ((first + Math.floor((pick * size) / count)) % size);
      this.#remember(channel, Math.min(level + 1, LAST_LEVEL), now());
    }
    return undefined;
  }

  /** One level less for each period: those who leave make room below. */
  #startLevel(channel: string, now: number): number {
    const known = this.#known.get(channel);
    if (!known) return 0;
    const periods = Math.floor((now - known.at) / TS_LIMITS.FULL_REMEMBERED_MS);
    return Math.max(0, Math.min(known.level, known.level - periods));
  }

  #remember(channel: string, level: number, at: number): void {
    this.#known.delete(channel);
    this.#known.set(channel, { level, at });
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > TS_LIMITS.CHANNELS_REMEMBERED_MAX)
      this.#known.delete(oldest);
  }
}
