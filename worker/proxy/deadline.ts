// The time an upstream has for its response headers. A body may then take as long as it likes.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import type { Wait } from "../watch.ts";

export interface HeaderDeadline {
  readonly ms: number;
  /** Tells once the wait is no longer short: nearly all requests are answered before and never pay for a timer. */
  readonly slow: Pick<Wait, "whenSlow">;
  /** The clock starts when this resolves; at once without it. */
  readonly after?: Promise<void> | undefined;
  /** Whoever may end the wait: once it is no longer short, `giveUp` is set. */
  readonly waiter?: { giveUp: ((code: ErrorCode) => void) | undefined };
  /** Told when the time is over, or the wait was given up, to stop what is under way. */
  readonly onExpired: (code: ErrorCode) => void;
}

/**
 * `work`'s response, or `upstream_timeout`. Without an AbortSignal, which would cost each request some 8 us of 125
 * (measured): once the 504 is answered the runtime ends the request's context, and a fetch under way in it with it, unless
 * the upstream has stopped reading: a write under way it cannot take back.
 * @throws CausewayError `upstream_timeout`; what the waiter gives up with; and whatever `work` rejects with
 */
export function withinDeadline(work: Promise<Response>, deadline: HeaderDeadline): Promise<Response> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let settled = false;
    const startedAt = Date.now();
    function start(ms: number): void {
      if (!settled) timer = setTimeout(expire, ms);
    }
    function settle(): void {
      settled = true;
      if (timer !== null) clearTimeout(timer);
    }
    function expire(): void {
      fail("upstream_timeout");
    }
    function fail(code: ErrorCode): void {
      if (settled) return;
      settle();
      reject(new CausewayError(code));
      deadline.onExpired(code);
    }
    function linger(): void {
      if (deadline.waiter) deadline.waiter.giveUp = fail;
      start(Math.max(0, startedAt + deadline.ms - Date.now()));
    }
    if (deadline.after) deadline.after.then(() => start(deadline.ms));
    else if (deadline.ms <= PROXY_LIMITS.DEADLINE_MS_TIMED) start(deadline.ms);
    else deadline.slow.whenSlow(linger);
    work.then(
      (response) => {
        // An unread body would hold the upstream's connection.
        if (settled) void response.body?.cancel();
        settle();
        resolve(response);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
  });
}
