// Orders that were sent to relays and are not answered yet: each is settled once, by its answer, by the end of its link or
// by its deadline. Knows no socket but as the one that an answer has to come from.

import * as v from "valibot";
import { type Answer, type Order, REPORT_SCHEMAS } from "../../shared/control/orders.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { ORDER_LIMITS } from "../../shared/limits.ts";

interface Waiting {
  readonly link: WebSocket;
  readonly does: Order["do"];
  readonly timer: ReturnType<typeof setTimeout>;
  readonly settle: (answer: Answer) => void;
}

/** An answer that the edge gives in a relay's place. */
export function refusal(code: ErrorCode): Answer {
  return { ok: false, error: { code, message: new CausewayError(code).message } };
}

export class PendingOrders {
  /** By the order's id. */
  readonly #waiting = new Map<string, Waiting>();

  /**
   * Sends an order over `link`, by `send`, and resolves to its answer; never rejects. A report that is not what the order is
   * answered with becomes `relay_answer_invalid`.
   */
  give(link: WebSocket, order: Order, send: (id: string) => void): Promise<Answer> {
    const ofLink = [...this.#waiting.values()].filter((other) => other.link === link).length;
    if (this.#waiting.size >= ORDER_LIMITS.WAITING_MAX || ofLink >= ORDER_LIMITS.UNDER_WAY_MAX)
      return Promise.resolve(refusal("too_many_orders"));
    // Unguessable, and never that of an order from before an eviction.
    const id = crypto.randomUUID();
    const timeoutMs = order.do === "status" ? ORDER_LIMITS.STATUS_TIMEOUT_MS : ORDER_LIMITS.ANSWER_TIMEOUT_MS;
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#settle(id, refusal("relay_silent")), timeoutMs);
      this.#waiting.set(id, { link, does: order.do, timer, settle });
      try {
        send(id);
      } catch {
        this.#settle(id, refusal("relay_not_connected"));
      }
    });
  }

  /** An answer came over `link`. One to no order of this link, or to one that was given up, is ignored. */
  answered(link: WebSocket, id: string, answer: Answer): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.link !== link) return;
    if (!answer.ok) {
      this.#settle(id, answer);
      return;
    }
    const report = v.safeParse(REPORT_SCHEMAS[waiting.does], answer.report);
    this.#settle(id, report.success ? { ok: true, report: report.output } : refusal("relay_answer_invalid"));
  }

  /** `link` is gone, and with it the answers to its orders. */
  lost(link: WebSocket): void {
    for (const [id, waiting] of this.#waiting)
      if (waiting.link === link) this.#settle(id, refusal("relay_not_connected"));
  }

  #settle(id: string, answer: Answer): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.settle(answer);
  }
}
