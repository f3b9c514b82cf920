// By which numbers the viewers of a channel count, playlist by playlist, whichever source is in use. Numbers never go back:
// whatever takes over begins behind what any viewer is known to have seen. Pure.

import { FAILOVER_LIMITS as LIMITS } from "../limits.ts";
import type { Entry, Numbering } from "./renumber.ts";

/** What viewers have been shown at most, in their own numbers. */
export interface Head {
  readonly segment: number;
  readonly discontinuity: number;
}

/** Where redirects of a source's playlist led. */
interface Pin {
  readonly source: number;
  readonly sealed: string;
}

/** One media playlist of the channel, whichever source it comes from. Absent parts are not known. */
export interface TrackRecord {
  head?: Head;
  /** How a source is numbered, and of which source and generation that is. */
  numbered?: { readonly numbering: Numbering; readonly source: number; readonly generation: number };
  pin?: Pin;
}

/** Which source is in use, and since how many switches. */
export interface Use {
  readonly source: number;
  readonly generation: number;
}

/** The numbers of the first source, until something is switched. */
const AS_THEY_ARE: Numbering = { from: -1, offset: 0, discontinuity: 0 };

export class TrackNumbers {
  readonly #tracks = new Map<string, TrackRecord>();

  constructor(records: readonly (readonly [string, TrackRecord])[] = []) {
    for (const [key, record] of records) this.#tracks.set(key, { ...record });
  }

  get records(): [string, TrackRecord][] {
    return [...this.#tracks];
  }

  /** Viewers have been shown this much. */
  see(key: string, { segment, discontinuity }: Head, use: Use): void {
    if (!isCountable(segment) || !isCountable(discontinuity)) return;
    const track = this.#track(key);
    if (use.generation === 0) track.numbered ??= { numbering: AS_THEY_ARE, ...use };
    track.head = {
      segment: Math.max(track.head?.segment ?? 0, segment),
      discontinuity: Math.max(track.head?.discontinuity ?? 0, discontinuity),
    };
  }

  /** How the playlist is numbered in `use`, beginning at `entry` if it was not numbered before. */
  enter(key: string, entry: Entry, use: Use): Numbering {
    const track = this.#track(key);
    if (track.numbered?.generation === use.generation) return track.numbered.numbering;
    const numbering =
      continued(track, entry, use) ?? this.#alike(track, entry, use) ?? this.#behind(track, entry);
    track.numbered = { numbering, ...use };
    return numbering;
  }

  /** Variants of one source usually count alike; players that change between them rely on it. */
  #alike({ head }: TrackRecord, entry: Entry, use: Use): Numbering | undefined {
    for (const { numbered } of this.#tracks.values()) {
      if (numbered?.generation !== use.generation) continue;
      const { from, offset, discontinuity } = numbered.numbering;
      const isInside = from >= entry.first && from <= entry.last;
      const isAhead = !head || from + offset > head.segment;
      const breaks = !head || entry.discontinuity + discontinuity > head.discontinuity;
      if (isInside && isAhead && breaks) return numbered.numbering;
    }
    return undefined;
  }

  /** Right behind what viewers have; of a playlist that nobody has seen, behind the furthest of the others. */
  #behind(track: TrackRecord, { from, discontinuity }: Entry): Numbering {
    const head = track.head ?? this.#furthest();
    if (!head) return { from, offset: 0, discontinuity: 0 };
    return {
      from,
      offset: head.segment + 1 - from,
      discontinuity: head.discontinuity + 1 - discontinuity,
    };
  }

  #furthest(): Head | undefined {
    let furthest: Head | undefined;
    for (const { head } of this.#tracks.values())
      if (head && head.segment > (furthest?.segment ?? -1)) furthest = head;
    return furthest;
  }

  /** The numberings of the present generation. */
  numberings({ generation }: Use): { readonly track: string; readonly numbering: Numbering }[] {
    return [...this.#tracks].flatMap(([track, { numbered }]) =>
      numbered?.generation === generation ? [{ track, numbering: numbered.numbering }] : [],
    );
  }

  /** Where redirects led first, sealed: the same for all isolates until `unpin`. True when it is news. */
  pin(key: string, sealed: string, { source }: Use): boolean {
    if (sealed.length > LIMITS.PIN_CHARS_MAX) return false;
    const track = this.#track(key);
    if (track.pin?.source === source) return false;
    track.pin = { source, sealed };
    return true;
  }

  /** What was pinned leads nowhere any more. True when it was still in use. */
  unpin(key: string, sealed: string): boolean {
    const track = this.#tracks.get(key);
    if (track?.pin?.sealed !== sealed) return false;
    delete track.pin;
    return true;
  }

  pins({ source }: Use): { readonly track: string; readonly sealed: string }[] {
    return [...this.#tracks].flatMap(([track, { pin }]) =>
      pin?.source === source ? [{ track, sealed: pin.sealed }] : [],
    );
  }

  /** Sources have other meanings from now on: nothing goes on where it was. */
  forgetSources(): void {
    for (const track of this.#tracks.values()) {
      delete track.numbered;
      delete track.pin;
    }
  }

  /** A Map iterates in order of insertion: what was used last stands last. */
  #track(key: string): TrackRecord {
    const track = this.#tracks.get(key) ?? {};
    this.#tracks.delete(key);
    this.#tracks.set(key, track);
    const [oldest] = this.#tracks.keys();
    if (oldest !== undefined && this.#tracks.size > LIMITS.TRACKS_MAX) this.#tracks.delete(oldest);
    return track;
  }
}

/** A source that is back after others failed, too: nothing else was shown meanwhile, so it goes on as before. */
function continued({ head, numbered }: TrackRecord, entry: Entry, use: Use): Numbering | undefined {
  if (!head || !numbered || numbered.source !== use.source) return undefined;
  const { numbering } = numbered;
  const goesOn = entry.last >= entry.first && entry.last + numbering.offset >= head.segment;
  return goesOn && entry.last >= numbering.from ? numbering : undefined;
}

function isCountable(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
