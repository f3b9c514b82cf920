// Channels with `shield = true`: before an isolate fetches something it asks the channel's object whether somebody else does.
// Whoever fetches tells the object what came of it; the others get small bodies from the object, and large ones from R2 or
// their data centre's cache. An object that fails costs origin load, never a reply.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS, SHIELD_LIMITS as LIMITS } from "../../shared/limits.ts";
import { within } from "../cache/deadline.ts";
import { networkMark } from "../client-address.ts";
import type { Exchange } from "../exchange.ts";
import { nameOf } from "./bucket.ts";
import type { LeaseOutcome, LeaseReply } from "./object/leases.ts";
import type { Facts, Stored } from "./resource.ts";

/** What came of a fetch. */
export type Fetched =
  /** `written` is about storing it where others can read it; absent for what is not stored. */
  | { readonly facts: Facts; readonly body?: Uint8Array; readonly written?: Promise<boolean> | undefined }
  | { readonly code: ErrorCode; readonly keepMs: number }
  /** It may not be shared, or could not be kept. */
  | undefined;

/** To be called once, on every path. */
export type Settle = (fetched: Fetched) => void;

export type Claim =
  | { readonly type: "granted"; readonly settle: Settle }
  | { readonly type: "parcel"; readonly stored: Stored }
  | { readonly type: "stored" | "alone" };

/** How long a fetch may take, in milliseconds. */
export interface Patience {
  readonly headersMs: number;
  readonly bodyMs: number;
}

/** Asks for the right to fetch. @throws CausewayError what somebody else's fetch has just failed with */
export async function claim(
  x: Exchange,
  channel: ChannelConfig,
  key: string,
  { headersMs, bodyMs }: Patience,
): Promise<Claim> {
  const name = await nameOf(key);
  const place = placeOf(x);
  const holdMs = headersMs + bodyMs;
  const waitMs = Math.min(holdMs, LIMITS.HOLD_MAX_MS);
  const reply = await asked(x, channel, { name, place, holdMs, waitMs });
  switch (reply.type) {
    case "granted":
      return {
        type: "granted",
        settle: (fetched) =>
          x.ctx.waitUntil(settled(x, channel, { name, place, lease: reply.lease }, fetched)),
      };
    case "parcel":
      return {
        type: "parcel",
        stored: { facts: JSON.parse(reply.parcel.facts) as Facts, body: reply.parcel.body },
      };
    case "failed":
      throw new CausewayError(reply.code);
    default:
      return { type: reply.type };
  }
}

/** Where bytes are that this isolate can read: everywhere in R2, else in its data centre. */
function placeOf({ env, request }: Exchange): string {
  return env.SEGMENTS ? "r2" : (networkMark(request, env)?.colo ?? "local");
}

async function asked(
  x: Exchange,
  channel: ChannelConfig,
  request: { name: string; place: string; holdMs: number; waitMs: number },
): Promise<LeaseReply> {
  const alone: LeaseReply = { type: "alone" };
  try {
    const call = x.env.CHANNEL.getByName(channel.id).lease(request);
    return await within(call as Promise<LeaseReply>, request.waitMs + LIMITS.CALL_SLACK_MS, () => alone);
  } catch {
    return alone;
  }
}

interface Held {
  readonly name: string;
  readonly place: string;
  readonly lease: string;
}

async function settled(x: Exchange, channel: ChannelConfig, held: Held, fetched: Fetched): Promise<void> {
  const { place, ...lease } = held;
  const { outcome, keepMs } = await outcomeOf(fetched, place);
  try {
    await x.env.CHANNEL.getByName(channel.id).report({ ...lease, outcome, keepMs });
  } catch {
    // The lease runs out by itself.
  }
}

async function outcomeOf(
  fetched: Fetched,
  place: string,
): Promise<{ outcome: LeaseOutcome; keepMs: number }> {
  const unshared = { outcome: { type: "unshared" }, keepMs: 0 } as const;
  if (!fetched) return unshared;
  if ("code" in fetched) {
    const { code, keepMs } = fetched;
    // Isolates that have heard since that it is there are not to be told otherwise.
    return { outcome: { type: "failed", code }, keepMs: Math.min(keepMs, HLS_LIMITS.MISSING_PART_MS) };
  }
  const { facts, body, written } = fetched;
  const keepMs = facts.at + facts.freshMs - Date.now();
  if (keepMs <= 0) return unshared;
  if (body && body.byteLength <= LIMITS.PARCEL_BYTES_MAX)
    return { outcome: { type: "parcel", parcel: { facts: JSON.stringify(facts), body } }, keepMs };
  if (!(await written)) return unshared;
  return { outcome: { type: "stored", place }, keepMs };
}

/** How long a failure is remembered: what is not there yet may be there in a moment, and any other may be this isolate's own. */
export function failureKeptMs(code: ErrorCode, missingMs: number): number {
  return code === "not_found" ? missingMs : Math.min(HLS_LIMITS.RETRY_AFTER_FAILURE_MS, missingMs);
}
