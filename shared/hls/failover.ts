// Which source of a channel is in use, and by which numbers its viewers count. One for a channel, in its object; isolates
// tell it what they see and do what it says. Pure: time comes in as an argument, and whatever is reported, in any order and
// any number of times, sequence numbers never go back and one fault is one switch.

import type { Entry, Numbering } from "./renumber.ts";
import { type HealthRecord, SourceHealth, type Trial } from "./source-health.ts";
import { type Head, TrackNumbers, type TrackRecord, type Use } from "./track-numbers.ts";

/** The channel's configuration as far as it decides here. */
export interface SourcePlan {
  /** Of the configuration: a lower one changes nothing. */
  readonly epoch: number;
  /** Changes with the list of sources. */
  readonly name: string;
  readonly count: number;
  /** For how long a preferred source must be healthy before it is used again. */
  readonly failbackMs: number;
}

/** For storage: plain data. */
export interface FailoverRecord extends Use {
  readonly plan: SourcePlan;
  /** When the source in use was taken back; 0: it came into use in another way. Milliseconds since the epoch. */
  readonly returnedAt: number;
  readonly health: readonly HealthRecord[];
  readonly tracks: readonly (readonly [string, TrackRecord])[];
}

/** Whether there is something new to store. */
type Changed = boolean;

export class Failover {
  #plan: SourcePlan;
  #use: Use = { source: 0, generation: 0 };
  #returnedAt: number;
  #health: SourceHealth;
  #tracks: TrackNumbers;

  constructor(plan: SourcePlan, record?: FailoverRecord) {
    this.#plan = record?.plan ?? plan;
    if (record) this.#use = { source: record.source, generation: record.generation };
    this.#returnedAt = record?.returnedAt ?? 0;
    this.#health = new SourceHealth(this.#plan.count, record?.health);
    this.#tracks = new TrackNumbers(record?.tracks);
  }

  get record(): FailoverRecord {
    const { records: health } = this.#health;
    const { records: tracks } = this.#tracks;
    return { ...this.#use, plan: this.#plan, returnedAt: this.#returnedAt, health, tracks };
  }

  /** The source in use; its generation rises with every switch, 0: there was none yet. */
  get use(): Use {
    return this.#use;
  }

  /** Takes over a newer configuration. Another list of sources begins with its first one, in the viewers' numbers. */
  adopt(plan: SourcePlan): Changed {
    if (plan.epoch <= this.#plan.epoch) return false;
    const isOther = plan.name !== this.#plan.name || plan.count !== this.#plan.count;
    this.#plan = plan;
    if (!isOther) return true;
    this.#health = new SourceHealth(plan.count);
    this.#tracks.forgetSources();
    this.#switch(0);
    return true;
  }

  /** Whether `plan` is of the sources that this speaks of. */
  fits(plan: Pick<SourcePlan, "name">): boolean {
    return plan.name === this.#plan.name;
  }

  /** Viewers have been shown this much of a playlist. */
  see(track: string, head: Head): void {
    this.#tracks.see(track, head, this.#use);
  }

  /**
   * The source in use has failed. Only who speaks of the present generation is heard: what others still see of an earlier
   * one has been answered. Without another source worth trying everything stays.
   */
  fail(generation: number, now: number): Changed {
    const { source } = this.#use;
    if (generation !== this.#use.generation) return false;
    const returnedMs = this.#returnedAt === 0 ? undefined : now - this.#returnedAt;
    this.#health.fail(source, returnedMs, now);
    // Told once: those who see the same failure later must not make it look like another one.
    this.#returnedAt = 0;
    const next = this.#health.next(source, now);
    if (next !== undefined) this.#switch(next);
    return next !== undefined;
  }

  /**
   * How a playlist of the source in use is numbered, beginning at `entry` if it was not numbered before. Undefined when the
   * caller speaks of another generation.
   */
  enter(track: string, generation: number, entry: Entry): Numbering | undefined {
    return generation === this.#use.generation ? this.#tracks.enter(track, entry, this.#use) : undefined;
  }

  /** The numberings of the present generation. */
  numberings(): { readonly track: string; readonly numbering: Numbering }[] {
    return this.#tracks.numberings(this.#use);
  }

  /** Where redirects led first, sealed: the same for all isolates until `unpin`. */
  pin(track: string, generation: number, sealed: string): Changed {
    return generation === this.#use.generation && this.#tracks.pin(track, sealed, this.#use);
  }

  /** What was pinned leads nowhere any more. */
  unpin(track: string, sealed: string): Changed {
    return this.#tracks.unpin(track, sealed);
  }

  /** The pins of the source in use. */
  pins(): { readonly track: string; readonly sealed: string }[] {
    return this.#tracks.pins(this.#use);
  }

  /** A preferred source that the caller shall try now; nobody else is told so for a while. */
  takeTrial(now: number): number | undefined {
    return this.#health.due(this.#use.source, this.#plan.failbackMs, now);
  }

  /** A try has ended. After a healthy time the preferred source is back in use. */
  judge(trial: Trial, now: number): Changed {
    if (trial.source >= this.#use.source || !this.#health.judge(trial, this.#plan.failbackMs, now))
      return false;
    this.#switch(trial.source);
    this.#returnedAt = now;
    return true;
  }

  #switch(source: number): void {
    this.#use = { source, generation: this.#use.generation + 1 };
    this.#returnedAt = 0;
    this.#health.use(source);
  }
}
