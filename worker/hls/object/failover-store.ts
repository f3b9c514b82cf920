// The part of a channel's object that owns its source and its numbers. What decides is shared/hls/failover.ts; here it is
// kept, so that an eviction or a deploy neither switches a source nor lets a sequence number go back.

import { Failover, type FailoverRecord, type SourcePlan } from "../../../shared/hls/failover.ts";
import type { Entry, Numbering } from "../../../shared/hls/renumber.ts";
import type { Trial } from "../../../shared/hls/source-health.ts";
import { FAILOVER_LIMITS as LIMITS } from "../../../shared/limits.ts";

/** What an isolate reports, and what it wants to know. */
export interface SourceReport {
  readonly plan: SourcePlan;
  /** What its viewers have been shown at most: track, segment, discontinuity. */
  readonly heads: readonly (readonly [track: string, segment: number, discontinuity: number])[];
  /** The source in use in this generation has failed. */
  readonly failed?: number;
  /** A playlist that has to be numbered. */
  readonly enter?: { readonly track: string; readonly generation: number; readonly entry: Entry };
  readonly trial?: Trial;
  /** Where redirects led, sealed, and what leads nowhere any more. */
  readonly pin?: { readonly track: string; readonly generation: number; readonly sealed: string };
  readonly unpin?: { readonly track: string; readonly sealed: string };
}

/** What every isolate goes by. */
export interface SourceReply {
  /** False: the object knows a newer list of sources than the isolate, whose indices mean something else. */
  readonly fits: boolean;
  /** 0: nothing was ever switched, and playlists keep their own numbers. */
  readonly generation: number;
  readonly source: number;
  readonly numberings: readonly { readonly track: string; readonly numbering: Numbering }[];
  readonly pins: readonly { readonly track: string; readonly sealed: string }[];
  /** A preferred source that this isolate shall try. */
  readonly trial: number | undefined;
}

const TABLE =
  "CREATE TABLE IF NOT EXISTS failover (id INTEGER PRIMARY KEY CHECK (id = 0), body TEXT NOT NULL)";

export class StoredFailover {
  readonly #storage: DurableObjectStorage;
  #failover: Failover | undefined;
  #savedAt = 0;

  /** Reads and writes nothing until the first report. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  report(news: SourceReport, now: number): SourceReply {
    const { plan } = news;
    const known = this.#failover ?? this.#load(plan);
    const failover = known ?? new Failover(plan);
    this.#failover = failover;
    let changed = known === undefined;
    changed = failover.adopt(plan) || changed;
    const fits = failover.fits(plan);
    if (fits) changed = this.#take(failover, news, now) || changed;
    // The last numbers come anew with every report; only what was decided must never be forgotten.
    if (changed || now - this.#savedAt >= LIMITS.SAVE_MS) this.#save(failover, now);
    return {
      fits,
      ...failover.use,
      numberings: failover.numberings(),
      pins: failover.pins(),
      trial: fits ? failover.takeTrial(now) : undefined,
    };
  }

  #take(failover: Failover, news: SourceReport, now: number): boolean {
    for (const [track, segment, discontinuity] of news.heads) failover.see(track, { segment, discontinuity });
    let changed = false;
    if (news.trial) changed = failover.judge(news.trial, now) || changed;
    if (news.failed !== undefined) changed = failover.fail(news.failed, now) || changed;
    if (news.enter) {
      const { track, generation, entry } = news.enter;
      changed = failover.enter(track, generation, entry) !== undefined || changed;
    }
    if (news.unpin) changed = failover.unpin(news.unpin.track, news.unpin.sealed) || changed;
    if (news.pin) changed = failover.pin(news.pin.track, news.pin.generation, news.pin.sealed) || changed;
    return changed;
  }

  #load(plan: SourcePlan): Failover | undefined {
    const { sql } = this.#storage;
    sql.exec(TABLE);
    const [row] = sql.exec<{ body: string }>("SELECT body FROM failover").toArray();
    return row && new Failover(plan, JSON.parse(row.body) as FailoverRecord);
  }

  #save(failover: Failover, now: number): void {
    this.#savedAt = now;
    this.#storage.sql.exec("INSERT OR REPLACE INTO failover VALUES (0, ?)", JSON.stringify(failover.record));
  }
}
