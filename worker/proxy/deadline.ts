// The time an upstream has for its response headers. A body may then take as long as it likes.

import { CausewayError } from "../../shared/errors.ts";

export interface HeaderDeadline {
  readonly ms: number;
  /** The clock starts when this resolves; at once without it. */
  readonly after?: Promise<void> | undefined;
  /** Told when the time is over, to stop what is under way. */
  readonly onExpired: () => void;
}

/**
 * `work`'s response, or `upstream_timeout`. Without an AbortSignal, which would cost each request some 8 us of 125
 * (measured): once the 504 is answered the runtime ends the request's context, and a fetch under way in it with it.
 * @throws CausewayError `upstream_timeout`; and whatever `work` rejects with
 */
export function withinDeadline(work: Promise<Response>, deadline: HeaderDeadline): Promise<Response> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let settled = false;
    function start(): void {
      if (!settled) timer = setTimeout(expire, deadline.ms);
    }
    function expire(): void {
      settled = true;
      reject(new CausewayError("upstream_timeout"));
      deadline.onExpired();
    }
    if (deadline.after) deadline.after.then(start);
    else start();
    work.then(
      (response) => {
        // An unread body would hold the upstream's connection.
        if (settled) void response.body?.cancel();
        settled = true;
        clearTimeout(timer);
        resolve(response);
      },
      (error) => {
        settled = true;
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
