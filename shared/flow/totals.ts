// Sums per service and kind over all sources: what was ever counted, how many flows are open, and recent rates.
// Bounded in services; those on top are summed up as "other". Pure: time comes in as an argument.

import { STATS_LIMITS } from "../limits.ts";
import { AudiencePlaces } from "./audience.ts";
import type { ServiceDelta } from "./batch.ts";
import { addChannelCounts, type ChannelCounts } from "./channel.ts";
import { ChannelEntry } from "./channel-entry.ts";
import { addCounters, type Counters, zeroCounters } from "./counters.ts";
import { type FlowKind, isRelayKind } from "./flow.ts";
import { hasTerms, type QuotaBook } from "./quota.ts";
import { addRefusals, type Refusals, toRefusals } from "./refusals.ts";
import { Series } from "./series.ts";
import type { Rates, ServiceSnapshot } from "./snapshot.ts";

/** Counters of one service and kind, as stored; older rows have no refusals by code. */
export interface ServiceCounters extends Counters {
  service: string;
  kind: FlowKind;
  refused?: Refusals | undefined;
  channel?: ChannelCounts | undefined;
}

/** One service's place in the totals. */
export interface ServiceEntry {
  readonly key: string;
  readonly service: string;
  readonly kind: FlowKind;
  readonly counters: Counters;
  readonly refused: Map<string, number>;
  /** Of a channel; made with the first report of one. */
  channel: ChannelEntry | undefined;
  active: number;
  /** Present while the service moves bytes. */
  series: Series | undefined;
}

/** Steps kept per service: the whole one, those still filling, and one to tell a quiet service. */
const SERVICE_STEPS = 4;

/** Rates over the last whole step of `series`, per second. */
export function ratesOf(series: Series | undefined, now: number): Rates {
  if (!series) return { up: 0, down: 0, requests: 0 };
  const [, up, down, requests] = series.whole(now, STATS_LIMITS.SERIES_SETTLE_MS);
  const seconds = STATS_LIMITS.SERIES_STEP_MS / 1_000;
  return { up: up / seconds, down: down / seconds, requests: requests / seconds };
}

function bytesOf(entry: ServiceEntry): number {
  return entry.counters.up + entry.counters.down;
}

export class Totals {
  readonly all: Counters = zeroCounters();
  active = 0;
  readonly series = new Series(STATS_LIMITS.SERIES_STEP_MS, STATS_LIMITS.SERIES_POINTS);
  readonly #places = new AudiencePlaces(STATS_LIMITS.VIEWERS_KEPT_MAX);
  readonly #entries = new Map<string, ServiceEntry>();
  /** How many of them each relay has. */
  readonly #ofRelays = new Map<string, number>();

  /** The entry of a service; past the bounds a new one shares that of "other". */
  entry(service: string, kind: FlowKind): ServiceEntry {
    const key = `${kind} ${service}`;
    const known = this.#entries.get(key);
    if (known) return known;
    if (service !== "other" && !this.#takePlace(service, kind)) return this.entry("other", kind);
    const entry = {
      key,
      service,
      kind,
      counters: zeroCounters(),
      refused: new Map(),
      channel: undefined,
      active: 0,
      series: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Takes a place for a new service, of its relay's where it has one; false: there is none. */
  #takePlace(service: string, kind: FlowKind): boolean {
    if (this.#entries.size >= STATS_LIMITS.SERVICES_KEPT_MAX) return false;
    if (!isRelayKind(kind)) return true;
    const relay = service.split("/", 1)[0] ?? "";
    const taken = this.#ofRelays.get(relay) ?? 0;
    if (taken >= STATS_LIMITS.RELAY_SERVICES_MAX) return false;
    this.#ofRelays.set(relay, taken + 1);
    return true;
  }

  /** Adds counters without a time: those that were stored. */
  add(
    entry: ServiceEntry,
    counters: Readonly<Counters> & Pick<ServiceCounters, "refused" | "channel">,
  ): void {
    addCounters(entry.counters, counters);
    addCounters(this.all, counters);
    addRefusals(entry.refused, counters.refused);
    if (counters.channel) addChannelCounts(this.#channelOf(entry).counts, counters.channel);
  }

  /** Adds what a source counted between `from` and `to`. */
  addReported(entry: ServiceEntry, delta: ServiceDelta, from: number, to: number): void {
    this.add(entry, delta);
    if (delta.channel) this.#channelOf(entry).note(delta.channel, to);
    if (delta.up === 0 && delta.down === 0 && delta.requests === 0) return;
    entry.series ??= new Series(STATS_LIMITS.SERIES_STEP_MS, SERVICE_STEPS);
    entry.series.spread(from, to, delta);
    this.series.spread(from, to, delta);
  }

  #channelOf(entry: ServiceEntry): ChannelEntry {
    entry.channel ??= new ChannelEntry(this.#places);
    return entry.channel;
  }

  /** Changes the number of a service's open flows. */
  shift(entry: ServiceEntry, change: number): void {
    entry.active += change;
    this.active += change;
  }

  /** Services with open flows first, then by bytes, up to the bound of a snapshot. */
  list(now: number, quotas: QuotaBook): ServiceSnapshot[] {
    const entries = [...this.#entries.values()];
    entries.sort((a, b) => Number(b.active > 0) - Number(a.active > 0) || bytesOf(b) - bytesOf(a));
    return entries.slice(0, STATS_LIMITS.SERVICES_LISTED_MAX).map((entry) => {
      const { service, kind, active } = entry;
      const rates = ratesOf(entry.series, now);
      return {
        service,
        kind,
        ...entry.counters,
        active,
        up_rate: rates.up,
        down_rate: rates.down,
        refused: toRefusals(entry.refused),
        ...(entry.channel && { channel: entry.channel.snapshot(now) }),
        ...termsOf(entry, quotas, now),
      };
    });
  }

  /** Frees the rates of services that have been quiet for all their steps, and viewers who have left. */
  prune(now: number): void {
    const oldest = now - SERVICE_STEPS * STATS_LIMITS.SERIES_STEP_MS;
    for (const entry of this.#entries.values()) {
      if (entry.series && entry.series.latest < oldest) entry.series = undefined;
      entry.channel?.prune(now);
    }
  }
}

/** Only hosts have terms; a relay's inbound or a channel of the same name has none. */
function termsOf(
  { service, kind }: ServiceEntry,
  quotas: QuotaBook,
  now: number,
): Pick<ServiceSnapshot, "quota" | "expires_at"> {
  if (!hasTerms(kind)) return {};
  const quota = quotas.stateOf(service, now);
  const expiresAt = quotas.expiryOf(service);
  return { ...(quota && { quota }), ...(expiresAt !== undefined && { expires_at: expiresAt }) };
}
