// One admitted request on its way through a host: its place under max_connections and its flow in the stats. Both are
// given back exactly once, when everything that moves bytes for it has ended.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { CloseReason, CutCause, Flow } from "../../shared/flow/flow.ts";
import { FLOW_LIMITS, WATCH_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { type Host, keepWatch, type Mover, type Wait, type Watched, watch } from "../watch.ts";
import type { Call, HostPlan, Upstream } from "./call.ts";

/** What the client of a request that was broken off is told. */
export function cutCode(cause: CutCause): ErrorCode {
  return cause === "quota" ? "quota_exceeded" : "connection_closed";
}

/** Something short that is waited for as a whole. */
interface Pending {
  readonly ms: number;
  readonly late: ErrorCode;
  readonly reject: (error: CausewayError) => void;
  /** When the watch first saw it; 0: not yet. */
  seenAt: number;
}

export class Visit implements Watched {
  readonly call: Call;
  readonly x: Exchange;
  readonly plan: HostPlan;
  readonly flow: Flow;
  /** Set while a reply's head has been waited for for long: gives that up. */
  giveUp: ((code: ErrorCode) => void) | undefined;
  /** From admission to the reply's head, and on while bytes move that have to be looked after. */
  readonly #wait: Wait;
  #movers: Mover[] | undefined;
  #pending: Pending | undefined;
  #replied = false;
  /** When the upload was seen moving last. */
  #movedAt = 0;
  /** Things still moving bytes: the reply, and the upload if there is one. */
  #parts = 1;
  #reason: CloseReason = "done";
  #open = true;
  #onClose: (() => void) | undefined;
  /** What it was refused by. */
  #error: ErrorCode | undefined;
  /** Whom it is assigned to, of several. */
  #upstream: Upstream | undefined;
  /** It decides whether that comes back into service, and has shown nothing yet. */
  #isTrial = false;

  /**
   * Takes a place and opens the flow.
   * @throws CausewayError `too_many_connections`
   */
  constructor(call: Call) {
    const { x, plan, kind } = call;
    keepWatch(x, x.startedAt);
    if (!plan.places.hasRoom(x.startedAt)) {
      x.meter.refuse(plan.service, kind, "too_many_connections");
      x.meter.touch(x.env, x.ctx);
      throw new CausewayError("too_many_connections");
    }
    this.call = call;
    this.x = x;
    this.plan = plan;
    plan.places.take();
    this.flow = x.meter.open({
      kind,
      service: plan.service,
      client: call.clientIp,
      target: plan.pool.only ? plan.pool.only.base + plan.targetPath(call.pathname) : plan.service,
      user: call.user,
      startedAt: x.startedAt,
    });
    x.meter.touch(x.env, x.ctx);
    call.log?.admitted();
    this.#wait = watch(this);
  }

  /** The wait for the reply's head. */
  get slow(): Wait {
    return this.#wait;
  }

  /** The request goes to `upstream` from here on. */
  assign(upstream: Upstream): void {
    if (!this.#open) return;
    const { plan, call, flow } = this;
    this.#letGo();
    this.#isTrial = plan.pool.hold(upstream);
    this.#upstream = upstream;
    flow.target = (upstream.base + plan.targetPath(call.pathname)).slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
  }

  /** What became of the request at the upstream that it is assigned to. */
  report(outcome: number | "failed"): void {
    if (!this.#upstream) return;
    this.#isTrial = false;
    this.plan.pool.report(this.#upstream, outcome);
  }

  /** One more part moves bytes; the flow stays open until it has ended, too. */
  addPart(): void {
    this.#parts++;
  }

  /** A part has ended. The first reason other than "done" is the flow's. */
  endPart(reason: CloseReason): void {
    if (this.#reason === "done") this.#reason = reason;
    if (--this.#parts === 0) this.#close(this.#reason);
  }

  /** Has what moves bytes looked after until the visit ends. */
  follow(mover: Mover): void {
    this.#movers ??= [];
    this.#movers.push(mover);
  }

  /**
   * The outcome of `work`, which is short, whole or not at all; the watch sees to its time.
   * @throws CausewayError `late` after `ms`, `broken` when it rejects
   */
  within<T>(
    work: Promise<T>,
    ms: number,
    { late, broken }: { late: ErrorCode; broken: ErrorCode },
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending = { ms, late, reject, seenAt: 0 };
      work.then(
        (value) => {
          this.#pending = undefined;
          resolve(value);
        },
        (cause) => {
          this.#pending = undefined;
          reject(new CausewayError(broken, undefined, { cause }));
        },
      );
    });
  }

  /** The reply's head is on its way: from here on its body decides how the flow ends. */
  replied(): void {
    this.#replied = true;
    this.giveUp = undefined;
    if (!this.#movers) this.#wait.end();
  }

  /** True while the reply's body moves and is looked after. */
  get isReplying(): boolean {
    return this.#replied && this.#parts > 1;
  }

  get missesMax(): number {
    return this.#replied ? WATCH_LIMITS.MOVING_MISSES_MAX : 1;
  }

  round(now: number): number {
    const pending = this.#pending;
    if (pending) {
      pending.seenAt ||= now;
      if (now - pending.seenAt >= pending.ms) pending.reject(new CausewayError(pending.late));
    }
    if (this.flow.cut && this.#reason === "done") this.#cutOff(cutCode(this.flow.cut));
    else this.#check(now);
    if (!this.#replied) return 0;
    const { body_idle_timeout: down, upload_idle_timeout: up } = this.plan.config;
    return Math.min(WATCH_LIMITS.MOVING_INTERVAL_MS, Math.min(down, up) / 4);
  }

  #check(now: number): void {
    // An upload comes first.
    for (const mover of this.#movers ?? []) {
      mover.check(now, this.#movedAt);
      if (mover.hasMoved?.(now)) this.#movedAt = now;
    }
  }

  left(host: Host): void {
    // Another context must not touch the streams of this one.
    if (host === this.x) {
      for (const mover of this.#movers ?? []) mover.leave();
      this.#pending?.reject(new CausewayError(this.#pending.late));
    }
    this.#close("aborted", host);
  }

  /** No reply came: refused by `error`, whatever part is still open, unless the client itself broke its upload off. */
  fail(error: unknown): void {
    this.#error = error instanceof CausewayError ? error.code : "internal";
    this.#close(this.#reason === "aborted" ? "aborted" : "refused");
    for (const mover of this.#movers ?? []) mover.leave();
  }

  /** Runs once when the visit ends, in whatever context; at once if it has. */
  onClose(run: () => void): void {
    if (this.#open) this.#onClose = run;
    else run();
  }

  /** By order: what moves is broken off, and never ended as if whole. What passes its own bytes on has seen it before. */
  #cutOff(code: ErrorCode): void {
    this.#reason = "closed";
    for (const mover of this.#movers ?? []) mover.leave();
    this.#pending?.reject(new CausewayError(code));
    this.giveUp?.(code);
  }

  #close(reason: CloseReason, host: Host = this.x): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wait.end();
    this.plan.places.give();
    this.#letGo();
    this.#onClose?.();
    this.x.meter.close(this.flow, reason, this.#error);
    this.call.log?.ended(this.flow, reason, (this.#upstream ?? this.plan.pool.only)?.base, host);
  }

  /** Clients that leave, and odd requests, must not use up the trials of an upstream. */
  #letGo(): void {
    const { pool } = this.plan;
    if (!this.#upstream) return;
    if (this.#isTrial) pool.report(this.#upstream, "unknown");
    pool.release(this.#upstream);
  }
}
