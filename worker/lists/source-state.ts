// What the lists object knows of each source: an imported list, an import's guide, or a guide of its own.

import type { SkipReason } from "../../shared/lists/imported-channel.ts";

/** "list:NAME" for an imported list, "epg:NAME" for an import's guide, "guide:NAME" for any other. */
export type SourceKey = `${"list" | "epg" | "guide"}:${string}`;

/** A source of the configuration. */
export interface SourcePlan {
  readonly key: SourceKey;
  /** How often it is fetched, in milliseconds. */
  readonly every: number;
  /** Changes with everything that decides about what comes of it. */
  readonly digest: string;
}

export interface SourceState extends SourcePlan {
  /** Generation of what is in service; 0: none yet. */
  readonly gen: number;
  /** Times are milliseconds since the epoch; 0: never. */
  readonly next_at: number;
  readonly tried_at: number;
  /** When the provider was last known to say what is in service. */
  readonly refreshed_at: number;
  readonly changed_at: number;
  readonly failures: number;
  /** Code of the last attempt's error; "" after a success. */
  readonly error: string;
  /** Channels of a list, programmes of a guide. */
  readonly count: number;
  /** Entries of a list that were not taken, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Elements of a guide that could not be read. */
  readonly malformed: number;
  /** Bytes as they came out of their compression. */
  readonly bytes: number;
  /** The provider's validators. */
  readonly etag: string;
  readonly modified: string;
  /** Of what was made of it: equal ones are the same. */
  readonly fingerprint: string;
  /** What a guide is chosen for may have changed: it is looked at before its time. */
  readonly check: boolean;
}

/** What the runner is asked to do. */
export interface RefreshOrder {
  readonly key: SourceKey;
  /** Generation under which to store what comes of it. */
  readonly gen: number;
  /** Its time has come; else it is fetched only if what it is chosen for has changed. */
  readonly due: boolean;
  readonly etag: string;
  readonly modified: string;
  readonly fingerprint: string;
}

type Made = Pick<
  SourceState,
  "count" | "skipped" | "malformed" | "bytes" | "etag" | "modified" | "fingerprint"
>;

/** What came of an order; `skipped`: nothing was asked, because nothing could have changed. */
export type RefreshOutcome =
  | { readonly type: "new"; readonly made: Made }
  | { readonly type: "same" }
  | { readonly type: "skipped" }
  | { readonly type: "failed"; readonly code: string };

/** The merged guide. */
export interface GuideState {
  /** 0: there is none. */
  readonly gen: number;
  readonly pieces: number;
  /** Compressed. */
  readonly bytes: number;
  readonly channels: number;
  readonly programmes: number;
  readonly built_at: number;
}

export const NO_GUIDE: GuideState = { gen: 0, pieces: 0, bytes: 0, channels: 0, programmes: 0, built_at: 0 };

export function newSource(plan: SourcePlan, now: number): SourceState {
  return {
    ...plan,
    gen: 0,
    next_at: now,
    tried_at: 0,
    refreshed_at: 0,
    changed_at: 0,
    failures: 0,
    error: "",
    count: 0,
    skipped: {},
    malformed: 0,
    bytes: 0,
    etag: "",
    modified: "",
    fingerprint: "",
    check: false,
  };
}

/** The import or guide that a key names. */
export function nameOf(key: SourceKey): string {
  return key.slice(key.indexOf(":") + 1);
}

export function isList(key: SourceKey): boolean {
  return key.startsWith("list:");
}
