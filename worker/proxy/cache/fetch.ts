// Asks the upstream on behalf of the cache: one request for all who want the same meanwhile, validation of what is stored,
// and what stands in where the upstream fails.

import { CausewayError, type ErrorCode } from "../../../shared/errors.ts";
import type { Forwarded } from "../../../shared/http/cache/cache-status.ts";
import { hasValidator, setValidators } from "../../../shared/http/cache/conditions.ts";
import { controlOf, SURROGATE_CAPABILITY } from "../../../shared/http/cache/control.ts";
import { freshened, judge, mayStandIn, type Received } from "../../../shared/http/cache/entry.ts";
import { refusalOf } from "../../../shared/http/cache/storable.ts";
import { varyNames } from "../../../shared/http/cache/vary.ts";
import { METHOD_OVERRIDES } from "../../../shared/http/headers.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { ALONE } from "../../cache/flights.ts";
import type { Answer } from "../upstream.ts";
import { answerFrom, passedOn } from "./answer.ts";
import { fill, type Kept } from "./fill.ts";
import { CONDITIONS, type Quest } from "./quest.ts";
import type { Stored } from "./slot.ts";
import { failures, flights, type Outcome, passes, replies } from "./state.ts";
import type { Place } from "./store.ts";

type Land = (outcome: Outcome | typeof ALONE) => void;

/** Errors that say that no upstream could be asked, or none answered. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  "upstream_unreachable",
  "upstream_timeout",
  "upstream_invalid",
  "no_upstream",
  "relay_unreachable",
  "relay_refused",
]);

/** Failures that hold for everyone; any other may be the doing of the one request that met it. */
const SHARED: ReadonlySet<ErrorCode> = new Set([
  "upstream_timeout",
  "no_upstream",
  "relay_unreachable",
  "relay_refused",
]);

/** Why a reply is not stored that somebody else's may be. */
const OF_ONE_REQUEST: ReadonlySet<string> = new Set(["status", "request-no-store"]);

/** Errors of an upstream that a stale reply may stand in for (RFC 5861 section 4). */
const ERROR_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/**
 * The answer of the upstream, kept if it may be, or of somebody else's fetch for the same.
 * @throws CausewayError whatever the upstream's failure is, if nothing stored stands in
 */
export async function fetchAndKeep(quest: Quest, place: Place): Promise<Answer> {
  const validates = canValidate(quest, place);
  const now = Date.now();
  const { wish, call } = quest;
  const isShared =
    (quest.isPlain || validates) &&
    !wish.noCache &&
    !wish.noStore &&
    wish.maxAgeMs === Number.POSITIVE_INFINITY &&
    (passes.get(place.key) ?? 0) <= now;
  if (!isShared) return ask(quest, place, ignore);
  const flight = flights.follow(place.key);
  if (!flight) {
    const land = flights.lead(place.key, call.x.ctx);
    try {
      return await ask(quest, place, land);
    } catch (error) {
      const code = codeOf(error, quest);
      land(code ? { code } : ALONE);
      throw error;
    }
  }
  const outcome = await flight;
  return (outcome === ALONE ? undefined : await follow(quest, place, outcome)) ?? ask(quest, place, ignore);
}

function canValidate({ method }: Quest, { found }: Place): boolean {
  return method === "GET" && found !== undefined && hasValidator(found.stored.head.fields);
}

/** The answer from what somebody else fetched; undefined: it is not for this request. */
async function follow(quest: Quest, place: Place, outcome: Outcome): Promise<Answer | undefined> {
  if ("code" in outcome) {
    const standIn = await standInFor(quest, place, outcome.code);
    if (standIn || !SHARED.has(outcome.code)) return standIn;
    throw new CausewayError(outcome.code);
  }
  if ("failed" in outcome) {
    const mayServe = place.found && mayStandIn(place.found.stored.head, false, Date.now());
    return mayServe ? standIn(quest, place, "error") : undefined;
  }
  const { stored, names, selection, requestedAt } = outcome;
  // Whoever has changed something must not read what was there before.
  if (!replies.mayUse(quest.sought.key, requestedAt)) return undefined;
  if (quest.sought.selectionOf(names) !== selection) return undefined;
  if (judge(stored.head, quest.wish, Date.now()) === "validate") return undefined;
  return answerFrom(quest, stored, { hit: false, collapsed: true });
}

/** Asks the upstream for this request, and tells those who wait. */
async function ask(quest: Quest, place: Place, land: Land): Promise<Answer> {
  const validated = canValidate(quest, place) ? place.found?.stored : undefined;
  const forwarded = forwardedBecause(quest, place);
  const requestedAt = Date.now();
  try {
    const answer = await quest.send((headers) => prepare(headers, quest, validated));
    const { status, statusText, headers } = answer.response;
    const receivedAt = Date.now();
    const upstream = answer.upstream.index;
    const received: Received = { status, statusText, headers, upstream, requestedAt, receivedAt };
    if (status === 304 && validated)
      return await afterValidation(quest, place, { answer, received, validated, land });
    if (ERROR_STATUSES.has(status) && place.found && mayStandIn(place.found.stored.head, false, receivedAt)) {
      await answer.response.body?.cancel();
      land({ failed: true });
      return (await standIn(quest, place, "error")) ?? (await ask(quest, nothing(place), ignore));
    }
    return await keep(quest, place, { answer, received, forwarded, validated, land });
  } catch (error) {
    const code = codeOf(error, quest);
    const instead = code && (await standInFor(quest, place, code));
    if (!instead) throw error;
    land({ code });
    return instead;
  }
}

/** What an error says of the upstream; undefined: nothing. A client that leaves ends its own waiting only. */
function codeOf(error: unknown, { call }: Quest): ErrorCode | undefined {
  return error instanceof CausewayError && !call.x.request.signal.aborted ? error.code : undefined;
}

function forwardedBecause({ wish, asked }: Quest, { found, hasVariants }: Place): Forwarded {
  if (wish.noStore || wish.noCache) return "request";
  if (found) return "stale";
  if (asked.range) return "partial";
  return hasVariants ? "vary-miss" : "uri-miss";
}

function prepare(headers: Headers, { isPlain }: Quest, validated: Stored | undefined): void {
  // No part of a key, so not part of a GET either; plans of cached hosts guard against their odd spellings.
  for (const name of METHOD_OVERRIDES) headers.delete(name);
  if (isPlain) for (const name of CONDITIONS) headers.delete(name);
  headers.set("surrogate-capability", SURROGATE_CAPABILITY);
  if (validated) setValidators(headers, validated.head.fields);
}

function nothing(place: Place): Place {
  return { ...place, found: undefined };
}

interface Arrived {
  readonly answer: Answer;
  readonly received: Received;
  readonly land: Land;
}

/** The stored reply, freshened by a 304 (RFC 9111 section 4.3.4). */
async function afterValidation(
  quest: Quest,
  place: Place,
  { answer, received, validated, land }: Arrived & { validated: Stored },
): Promise<Answer> {
  const { sought, call, asked } = quest;
  const stored: Stored = { ...validated, head: freshened(validated.head, received) };
  const { fields, status } = stored.head;
  const names = varyNames(fields.get("vary"));
  const refusal = refusalOf(status, fields, controlOf(fields), asked);
  const isKept = names !== undefined && !refusal;
  const { requestedAt } = received;
  if (isKept) {
    replies.keep(sought, { stored, names, requestedAt }, call.x.ctx);
    land({ stored, names, requestedAt, selection: sought.selectionOf(names) });
  } else {
    replies.drop(sought.key, call.x.ctx);
    land(ALONE);
  }
  const reply = await answerFrom(quest, stored, {
    hit: false,
    forwarded: "stale",
    status: 304,
    stored: isKept,
  });
  // A large body may have gone from the data centre's cache: then there was nothing to validate.
  if (!reply) return ask(quest, nothing(place), ignore);
  for (const cookie of answer.response.headers.getSetCookie())
    reply.response.headers.append("set-cookie", cookie);
  return reply;
}

/** Takes a full answer in: it replaces whatever stood there before (RFC 9111 section 4.3.3). */
async function keep(
  quest: Quest,
  place: Place,
  {
    answer,
    received,
    forwarded,
    validated,
    land,
  }: Arrived & { forwarded: Forwarded; validated: Stored | undefined },
): Promise<Answer> {
  const { sought, call } = quest;
  const { status } = received;
  if (quest.method === "HEAD" || status === 304) {
    land(ALONE);
    return passedOn(answer, { hit: false, forwarded, status, stored: false });
  }
  const filled = await fill(quest, answer, received, forwarded);
  if (filled.refusal) {
    land(ALONE);
    // A part, or what speaks about this one request, says nothing about the address.
    if (OF_ONE_REQUEST.has(filled.refusal) || !(quest.isPlain || validated)) return filled.answer;
    if (place.found && status < 500) replies.drop(sought.key, call.x.ctx);
    passes.set(place.key, Date.now() + LIMITS.PASS_MS, 0);
    return filled.answer;
  }
  const finish = (kept: Kept | undefined): void => {
    if (kept) replies.keep(sought, kept, call.x.ctx);
    else passes.set(place.key, Date.now() + LIMITS.PASS_MS, 0);
    if (kept?.stored.body) land({ ...kept, selection: sought.selectionOf(kept.names) });
    else land(ALONE);
  };
  if (filled.kept instanceof Promise) {
    // A large body is not shared: nobody waits for all of it.
    if (received.headers.has("content-length")) land(ALONE);
    call.x.ctx.waitUntil(filled.kept.then(finish));
    return filled.answer;
  }
  finish(filled.kept);
  if (!filled.kept || !validated) return filled.answer;
  // The client's own conditions and Range were put aside for the validation.
  const cacheStatus = { hit: false, forwarded, status, stored: true } as const;
  return (await answerFrom(quest, filled.kept.stored, cacheStatus)) ?? filled.answer;
}

/** What stands in for an upstream that cannot be reached. */
async function standInFor(quest: Quest, place: Place, code: ErrorCode): Promise<Answer | undefined> {
  const { found } = place;
  const now = Date.now();
  if (!UNREACHABLE.has(code) || !found || quest.wish.noCache || !mayStandIn(found.stored.head, true, now))
    return undefined;
  failures.set(place.key, now + LIMITS.FAILURE_MS, 0);
  return standIn(quest, place, "unreachable");
}

async function standIn(
  quest: Quest,
  { found }: Place,
  detail: "error" | "unreachable",
): Promise<Answer | undefined> {
  if (!found) return undefined;
  const { head } = found.stored;
  const ttlS = Math.floor((head.bornAt + head.freshMs - Date.now()) / 1_000);
  return answerFrom(quest, found.stored, { hit: true, ttlS, detail });
}

function ignore(): void {}
