// What is counted of a channel beside the counters of every service: replies by where they came from, what its origins gave
// and how long things took, and who watches. All but the viewers and the source is additive. Pure: no I/O, no clock.

import * as v from "valibot";
import { FLOW_LIMITS, STATS_LIMITS } from "../limits.ts";
import type { AudiencePlaces } from "./audience.ts";
import { addLatencies, addLatency, type Latencies, LatenciesSchema, noLatencies } from "./latency.ts";
import { addRefusal, addRefusals, type Refusals, RefusalsSchema, toRefusals } from "./refusals.ts";

/**
 * Where a reply came from: the isolate's memory, the data centre's cache, the R2 bucket, a fetch that another request had
 * under way, an old copy while the origin fails, the origin by way of the caches, the origin past them.
 */
export const TIERS = ["memory", "edge", "r2", "collapsed", "stale", "origin", "bypass"] as const;
export type Tier = (typeof TIERS)[number];

const HITS: ReadonlySet<Tier> = new Set(["memory", "edge", "r2", "collapsed", "stale"]);

/** Whether nothing had to be fetched for a reply of this tier. */
export function isHit(tier: Tier): boolean {
  return HITS.has(tier);
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const tierEntries = Object.fromEntries(TIERS.map((tier) => [tier, v.optional(count)])) as Record<
  Tier,
  v.OptionalSchema<typeof count, undefined>
>;

const countEntries = {
  /** Replies; a tier that is left out gave none. */
  tiers: v.object(tierEntries),
  /** Fetches from origins, failed ones included; a redirect that is followed is part of its fetch. */
  origin_requests: count,
  /** Body bytes that origins sent, after decoding. */
  origin_bytes: count,
  /** Those that failed before the origin's header fields, or by its status, by error code. */
  origin_errors: RefusalsSchema,
  /** From the request for a segment to the beginning of its reply. */
  segment_ms: LatenciesSchema,
  /** From a fetch to the origin's header fields. */
  origin_ms: LatenciesSchema,
};

const SourceSchema = v.object({
  /** Its place in the configuration, from 0. */
  index: count,
  /** How many the channel has. */
  of: count,
  /** Its host; the path stays hidden. */
  host: v.pipe(v.string(), v.maxLength(FLOW_LIMITS.TEXT_CHARS_MAX)),
});

/** What a batch says of a channel. */
export const ChannelDeltaSchema = v.object({
  ...countEntries,
  /** Who was sent something since the previous batch: hashes of 32 bits, each once. */
  viewers: v.pipe(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xff_ff_ff_ff))),
    v.maxLength(STATS_LIMITS.VIEWERS_REPORTED_MAX),
  ),
  /** In use at this source of batches. */
  source: v.optional(SourceSchema),
});

export interface ChannelCounts {
  tiers: { [tier in Tier]?: number | undefined };
  origin_requests: number;
  origin_bytes: number;
  origin_errors: Refusals;
  segment_ms: Latencies;
  origin_ms: Latencies;
}

export type ChannelSource = v.InferOutput<typeof SourceSchema>;

export interface ChannelDelta extends ChannelCounts {
  viewers: number[];
  source?: ChannelSource | undefined;
}

/** A channel as dashboards see it. */
export interface ChannelSnapshot extends ChannelCounts {
  /** Distinct ones that were sent something within the last STATS_LIMITS.VIEWER_SHOWN_MS. */
  viewers: number;
  /** `segment_ms` of the last one to two minutes. */
  recent_ms: Latencies;
  /** As the isolate says that reported last. */
  source?: ChannelSource;
}

export function noChannelCounts(): ChannelCounts {
  return {
    tiers: {},
    origin_requests: 0,
    origin_bytes: 0,
    origin_errors: {},
    segment_ms: noLatencies(),
    origin_ms: noLatencies(),
  };
}

/** Adds `more` to `sum` in place. */
export function addChannelCounts(sum: ChannelCounts, more: Readonly<ChannelCounts>): void {
  for (const tier of TIERS) addTier(sum.tiers, tier, more.tiers[tier] ?? 0);
  sum.origin_requests += more.origin_requests;
  sum.origin_bytes += more.origin_bytes;
  sum.origin_errors = addedRefusals(sum.origin_errors, more.origin_errors);
  addLatencies(sum.segment_ms, more.segment_ms);
  addLatencies(sum.origin_ms, more.origin_ms);
}

/** A copy that shares nothing with `counts`. */
export function copyChannelCounts(counts: Readonly<ChannelCounts>): ChannelCounts {
  const copy = noChannelCounts();
  addChannelCounts(copy, counts);
  return copy;
}

function addTier(tiers: ChannelCounts["tiers"], tier: Tier, times: number): void {
  if (times > 0) tiers[tier] = (tiers[tier] ?? 0) + times;
}

function addedRefusals(a: Readonly<Refusals>, b: Readonly<Refusals>): Refusals {
  const sum = new Map<string, number>();
  addRefusals(sum, a);
  addRefusals(sum, b);
  return toRefusals(sum);
}

/** What one isolate counts of a channel between two batches. */
export class ChannelTally {
  readonly #counts = noChannelCounts();
  readonly #errors = new Map<string, number>();
  readonly #viewers = new Set<number>();
  readonly #places: AudiencePlaces;
  #source: ChannelSource | undefined;

  /** `places` are shared with the other channels of the batch. */
  constructor(places: AudiencePlaces) {
    this.#places = places;
  }

  reply(tier: Tier): void {
    addTier(this.#counts.tiers, tier, 1);
  }

  segment(ms: number): void {
    addLatency(this.#counts.segment_ms, ms);
  }

  /** A fetch to which the origin answered with something usable after `ms`. */
  answer(ms: number): void {
    this.#counts.origin_requests++;
    addLatency(this.#counts.origin_ms, ms);
  }

  failure(code: string): void {
    this.#counts.origin_requests++;
    addRefusal(this.#errors, code, 1);
  }

  originBytes(bytes: number): void {
    this.#counts.origin_bytes += bytes;
  }

  /** Past the bound one is not noted: who goes on watching is noted in a later batch. */
  viewer(hash: number): void {
    const isFull = this.#viewers.size >= STATS_LIMITS.VIEWERS_REPORTED_MAX;
    if (!isFull && !this.#viewers.has(hash) && this.#places.take()) this.#viewers.add(hash);
  }

  source(source: ChannelSource): void {
    this.#source = source;
  }

  /** As it goes into a batch; the tally is not to be used any more. */
  toDelta(): ChannelDelta {
    const source = this.#source;
    return {
      ...this.#counts,
      origin_errors: toRefusals(this.#errors),
      viewers: [...this.#viewers],
      ...(source && { source: { ...source, host: source.host.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX) } }),
    };
  }
}
