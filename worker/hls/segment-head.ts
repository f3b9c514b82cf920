// HEAD for segments: from what is stored, else asked of the origin, once for all who ask at a time. Fetches no body, but from
// origins that know GET only.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { ALONE, Flights } from "../cache/flights.ts";
import type { Exchange } from "../exchange.ts";
import { type KeyedRequest, readNear } from "./elsewhere.ts";
import { followMs } from "./follow-time.ts";
import { type Facts, isFresh, type Loaded } from "./resource.ts";
import { fetchHead } from "./segment-fetch.ts";
import { fromMemory, keyed, loadSegment, note } from "./segment-store.ts";
import type { Target } from "./target.ts";

const told = new ByteLru<Facts>(LIMITS.HEADS_BYTES);
const flights = new Flights<{ readonly facts: Facts } | { readonly code: ErrorCode }>();

/** What HEAD tells. @throws CausewayError what fetchOrigin throws, `upstream_timeout` when leader after leader is late */
export async function loadHead(x: Exchange, channel: ChannelConfig, target: Target): Promise<Loaded> {
  const wanted = keyed(x, channel, target, undefined);
  const kept = fromMemory(wanted);
  if (kept) return { tier: "memory", ...kept };
  const facts = told.get(wanted.key);
  if (facts && isFresh({ ...facts, freshMs: LIMITS.HEAD_KEPT_MS }, Date.now()))
    return { tier: "memory", facts, body: null };
  for (let turn = 0; turn < LIMITS.FOLLOWS_MAX; turn++) {
    const flight = flights.follow(wanted.key, followMs(channel.response_header_timeout));
    if (!flight) return lead(wanted);
    const outcome = await flight;
    // Those who have waited in vain go together: alone they would all ask at once.
    if (outcome === ALONE) continue;
    if ("code" in outcome) throw new CausewayError(outcome.code);
    return { tier: "collapsed", facts: outcome.facts, body: null };
  }
  throw new CausewayError("upstream_timeout");
}

/** Asks for everyone who asks meanwhile. */
async function lead(wanted: KeyedRequest): Promise<Loaded> {
  const land = flights.lead(wanted.key, wanted.x.ctx);
  try {
    const head = await found(wanted);
    if (head.tier === "bypass" && head.facts.freshMs > 0) told.set(wanted.key, head.facts, 0);
    land({ facts: head.facts });
    return head;
  } catch (error) {
    land({ code: error instanceof CausewayError ? error.code : "internal" });
    throw error;
  }
}

async function found(wanted: KeyedRequest): Promise<Loaded> {
  const near = await readNear(wanted);
  if (near) {
    await near.body?.cancel().catch(() => undefined);
    return { tier: near.tier, facts: near.facts, body: null };
  }
  try {
    return { tier: "bypass", facts: await fetchHead(wanted), body: null };
  } catch (error) {
    if (!(error instanceof CausewayError) || error.code !== "origin_status") {
      note(wanted, error);
      throw error;
    }
  }
  // Many origins know GET only; who asks by HEAD asks by GET next.
  const { body, ...head } = await loadSegment(wanted.x, wanted.channel, wanted.target, undefined);
  if (body instanceof ReadableStream) await body.cancel().catch(() => undefined);
  return { ...head, body: null };
}
