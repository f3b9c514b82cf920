// What this isolate knows of the sources of channels that have several: kept for seconds, renewed in the background, so that
// a viewer's request hardly ever waits for the object. An object that fails leaves the last known source in use.

import type { ChannelConfig } from "../../../shared/config/schema.ts";
import type { SourcePlan } from "../../../shared/hls/failover.ts";
import type { Numbering } from "../../../shared/hls/renumber.ts";
import type { Head } from "../../../shared/hls/track-numbers.ts";
import { FAILOVER_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { shortName } from "../../../shared/net/hash.ts";
import { within } from "../../cache/deadline.ts";
import { ALONE, Flights } from "../../cache/flights.ts";
import type { Exchange } from "../../exchange.ts";
import { isYounger } from "../resource.ts";
import type { SourceReply, SourceReport } from "./failover-store.ts";

/** Which source is in use, and how its playlists are numbered. */
export interface SourceState {
  /** Rises with every switch; 0: there was none. */
  readonly generation: number;
  readonly source: number;
  readonly numberings: ReadonlyMap<string, Numbering>;
  /** Where redirects led, sealed, by track. */
  readonly pins: ReadonlyMap<string, string>;
}

type News = Omit<SourceReport, "plan" | "heads">;

interface Known {
  state: SourceState;
  /** When the object said so; 0: never. */
  at: number;
  /** When it was last asked in the background. */
  renewedAt: number;
  /** When a failure was told of that switched nothing. */
  failedAt: number;
  /** A preferred source that this isolate was told to try. */
  trial: number | undefined;
  /** Questions so far, and the one whose answer was taken last: one that comes late changes nothing. */
  asked: number;
  answered: number;
}

const FIRST: SourceState = { generation: 0, source: 0, numberings: new Map(), pins: new Map() };

/** By channel and list of sources. */
const known = new Map<string, Known>();
/** By channel: what viewers were shown and the object has not heard of. It outlives a push of other sources. */
const unheard = new Map<string, Map<string, Head>>();
const plans = new WeakMap<ChannelConfig, Omit<SourcePlan, "epoch">>();
const flights = new Flights<SourceState>();

function planOf(channel: ChannelConfig): Omit<SourcePlan, "epoch"> {
  const kept = plans.get(channel);
  if (kept) return kept;
  const name = shortName(JSON.stringify(channel.sources.map(({ url, via }) => [url, via])));
  const plan = { name, count: channel.sources.length, failbackMs: channel.failback };
  plans.set(channel, plan);
  return plan;
}

function knownOf(channel: ChannelConfig): Known {
  const key = `${channel.id} ${planOf(channel).name}`;
  let entry = known.get(key);
  if (entry) return entry;
  const [oldest] = known.keys();
  if (oldest !== undefined && known.size >= LIMITS.CHANNELS_MAX) known.delete(oldest);
  entry = {
    state: FIRST,
    at: 0,
    renewedAt: 0,
    failedAt: 0,
    trial: undefined,
    asked: 0,
    answered: 0,
  };
  known.set(key, entry);
  return entry;
}

/** The source in use as this isolate last heard of it; asks nobody. */
export function sourceInUse(channel: ChannelConfig): number {
  return channel.sources.length === 1 ? 0 : knownOf(channel).state.source;
}

/** The state to go by; the object is asked only by an isolate that has not heard of it for a while. Never rejects. */
export async function currentState(x: Exchange, channel: ChannelConfig): Promise<SourceState> {
  if (channel.sources.length === 1) return FIRST;
  const entry = knownOf(channel);
  const now = Date.now();
  if (isYounger(entry.at, LIMITS.STATE_FRESH_MS, now)) return entry.state;
  if (!isYounger(entry.at, LIMITS.STATE_USABLE_MS, now)) return tell(x, channel, "renew", {});
  // By time and not until it has ended: contexts can end without a word.
  if (!isYounger(entry.renewedAt, LIMITS.STATE_FRESH_MS, now)) {
    entry.renewedAt = now;
    x.ctx.waitUntil(tell(x, channel, "renew", {}));
  }
  return entry.state;
}

/** Viewers were shown this much; the object hears of it with the next question. */
export function noteHead(channel: ChannelConfig, track: string, head: Head): void {
  const heads = unheard.get(channel.id) ?? new Map<string, Head>();
  unheard.delete(channel.id);
  unheard.set(channel.id, heads);
  dropOldest(unheard, LIMITS.CHANNELS_MAX);
  heads.delete(track);
  heads.set(track, head);
  dropOldest(heads, LIMITS.TRACKS_MAX);
}

function dropOldest(map: Map<string, unknown>, sizeMax: number): void {
  const [oldest] = map.keys();
  if (oldest !== undefined && map.size > sizeMax) map.delete(oldest);
}

/** The preferred source that this isolate shall try, once. */
export function takeTrial(channel: ChannelConfig): number | undefined {
  const entry = knownOf(channel);
  const { trial } = entry;
  entry.trial = undefined;
  return trial;
}

/**
 * Tells the object `news`; those of this isolate who have the same to tell, by `purpose`, share one question. What is known
 * when it does not answer.
 */
export async function tell(
  x: Exchange,
  channel: ChannelConfig,
  purpose: string,
  news: News,
): Promise<SourceState> {
  const key = `${x.config.epoch} ${channel.id} ${planOf(channel).name} ${purpose}`;
  const flight = flights.follow(key);
  if (flight) {
    const state = await flight;
    return state === ALONE ? ask(x, channel, news) : state;
  }
  const land = flights.lead(key, x.ctx);
  const state = await ask(x, channel, news);
  land(state);
  return state;
}

/** Tells that the source of `generation` has failed; while nothing else is to be had, not more often than that may change. */
export async function tellFailed(
  x: Exchange,
  channel: ChannelConfig,
  generation: number,
): Promise<SourceState> {
  const entry = knownOf(channel);
  const isNew = entry.state.generation === generation;
  if (!isNew || isYounger(entry.failedAt, LIMITS.RETRY_MS, Date.now())) return entry.state;
  const state = await tell(x, channel, `failed ${generation}`, { failed: generation });
  if (state.generation === generation) entry.failedAt = Date.now();
  return state;
}

async function ask(x: Exchange, channel: ChannelConfig, news: News): Promise<SourceState> {
  const entry = knownOf(channel);
  const sent = unheard.get(channel.id) ?? new Map<string, Head>();
  unheard.delete(channel.id);
  const question = ++entry.asked;
  const heads = [...sent].map(([track, head]) => [track, head.segment, head.discontinuity] as const);
  const plan = { ...planOf(channel), epoch: x.config.epoch };
  try {
    const call = x.env.CHANNEL.getByName(channel.id).sources({ plan, heads, ...news });
    const reply = await within(call, LIMITS.CALL_DEADLINE_MS, () => undefined);
    if (reply) take(entry, reply, question);
    else restore(channel, entry, sent);
  } catch {
    restore(channel, entry, sent);
  }
  return entry.state;
}

function take(entry: Known, reply: SourceReply, question: number): void {
  entry.trial = reply.trial ?? entry.trial;
  if (question < entry.answered) return;
  entry.answered = question;
  entry.at = Date.now();
  // An isolate with an older list of sources goes on with what it has until it gets the newer one, seconds later.
  if (!reply.fits) return;
  const { generation, source, numberings, pins } = reply;
  entry.state = {
    generation,
    source,
    numberings: new Map(numberings.map(({ track, numbering }) => [track, numbering])),
    pins: new Map(pins.map(({ track, sealed }) => [track, sealed])),
  };
}

/** What was not heard is told again; the object is left alone for a moment. */
function restore(channel: ChannelConfig, entry: Known, sent: Map<string, Head>): void {
  entry.at = Date.now() - LIMITS.STATE_FRESH_MS / 2;
  const since = unheard.get(channel.id) ?? [];
  for (const [track, head] of sent) noteHead(channel, track, head);
  for (const [track, head] of since) noteHead(channel, track, head);
}
