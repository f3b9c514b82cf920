// The HTTP cache of a host (RFC 9111): answers a request from what is stored, or has the upstream asked and keeps what may
// be kept. Stands between admission and reply; what it refuses to store passes by as if it were not there.

import { CausewayError } from "../../../shared/errors.ts";
import type { CacheStatus, Forwarded } from "../../../shared/http/cache/cache-status.ts";
import { judge, mayStandIn } from "../../../shared/http/cache/entry.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { within } from "../../cache/deadline.ts";
import type { Answer } from "../upstream.ts";
import type { Visit } from "../visit.ts";
import { answerFrom, passedOn } from "./answer.ts";
import { fetchAndKeep } from "./fetch.ts";
import { invalidateAfter } from "./invalidate.ts";
import { type Quest, questOf, type Send } from "./quest.ts";
import type { Stored } from "./slot.ts";
import { failures, replies } from "./state.ts";
import type { Place } from "./store.ts";

/**
 * The answer to a request of a cached host.
 * @throws CausewayError `not_cached` for only-if-cached; and whatever `send` rejects with, if nothing stored stands in
 */
export async function answerCached(visit: Visit, send: Send): Promise<Answer> {
  const { call, x } = visit;
  const { method } = x.request;
  const quest = questOf(visit, send);
  if (!quest) {
    const answer = await send();
    if (method === "GET" || method === "HEAD") return passedBy(answer, "bypass");
    invalidateAfter(call, method, answer);
    return passedBy(answer, "method");
  }
  const { sought, wish } = quest;
  const place: Place = wish.noStore
    ? { key: sought.key, hasVariants: false, found: undefined }
    : await replies.find(sought, Date.now());
  const answer = await answerStored(quest, place);
  x.meter.count(call.plan.service, "http", answer ? "hits" : "misses");
  if (answer) return answer;
  if (wish.onlyIfCached) throw new CausewayError("not_cached");
  return fetchAndKeep(quest, place);
}

function passedBy(answer: Answer, forwarded: Forwarded): Answer {
  return passedOn(answer, { hit: false, forwarded, status: answer.response.status, stored: false });
}

/** The answer from what is stored, if it may be used as it is. */
async function answerStored(quest: Quest, place: Place): Promise<Answer | undefined> {
  const { found } = place;
  if (!found) return undefined;
  const now = Date.now();
  const { stored, tier } = found;
  const { head } = stored;
  const verdict = judge(head, quest.wish, now);
  if (verdict === "fresh") return answerFrom(quest, stored, hit(stored, tier, now));
  if (verdict === "stale") {
    refresh(quest, place);
    return answerFrom(quest, stored, hit(stored, "stale", now));
  }
  // An upstream that has just failed is not asked by every request in turn, while there is something to give.
  const failedUntil = failures.get(place.key) ?? 0;
  if (now < failedUntil && !quest.wish.noCache && mayStandIn(head, true, now))
    return answerFrom(quest, stored, hit(stored, "unreachable", now));
  return undefined;
}

function hit(
  { head }: Stored,
  detail: "memory" | "edge" | "stale" | "unreachable",
  now: number,
): CacheStatus {
  return { hit: true, ttlS: Math.floor((head.bornAt + head.freshMs - now) / 1_000), detail };
}

/** Validations under way in the background, by key, and when they began: a context that dies ends none of them. */
const refreshing = new Map<string, number>();

/** Validates a stale reply while its client has it already (RFC 5861 section 3). */
function refresh(quest: Quest, place: Place): void {
  // It goes out with the method of its request.
  if (quest.method !== "GET") return;
  const now = Date.now();
  const begunAt = refreshing.get(place.key);
  if (begunAt !== undefined && now - begunAt < LIMITS.REFRESH_MS_MAX) return;
  const [oldest] = refreshing;
  if (refreshing.size >= LIMITS.REFRESHES_MAX && oldest) {
    if (now - oldest[1] < LIMITS.REFRESH_MS_MAX) return;
    refreshing.delete(oldest[0]);
  }
  refreshing.delete(place.key);
  refreshing.set(place.key, now);
  const { call, send } = quest;
  const ms = call.plan.config.response_header_timeout;
  const alone: Quest = {
    ...quest,
    isPlain: true,
    asked: { ...quest.asked, range: false },
    // The visit ends with the reply, and with it its watch over time.
    send: (prepare) => within(send(prepare), ms, late),
    patience: (work, bodyMs) => within(work, Math.min(bodyMs, LIMITS.REFRESH_BODY_TIMEOUT_MS), late),
  };
  call.x.ctx.waitUntil(
    fetchAndKeep(alone, place)
      .then((answer) => answer.response.body?.cancel())
      .catch(ignore)
      .finally(() => refreshing.delete(place.key)),
  );
}

function late(): never {
  throw new CausewayError("upstream_timeout");
}

function ignore(): void {}
