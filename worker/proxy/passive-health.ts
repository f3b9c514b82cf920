// What requests themselves show of their upstreams' health, in this isolate: failures within a window take one out, and
// after a pause a single trial request decides whether it comes back. Pure state: the clock comes in as an argument.

import type { HostHealth } from "../../shared/config/host-schema.ts";
import { statusMatcher } from "../../shared/http/status-range.ts";

/** What one isolate knows of one upstream of a host. Lives on when a push keeps the upstream. */
export interface UpstreamState {
  /** Requests and sockets open, where the policy asks for it. */
  open: number;
  /** When it failed lately: milliseconds since the epoch, oldest first, fewer than take it out. */
  failures: number[];
  /** 0: in service. Else out, and no trial is made before this time. */
  outUntil: number;
  /** When the trial under way began; 0: there is none. */
  trialAt: number;
}

export function newUpstreamState(): UpstreamState {
  return { open: 0, failures: [], outUntil: 0, trialAt: 0 };
}

/** A reply's status; that none came, refused, broken or too late; or that the request ended without showing either. */
export type UpstreamOutcome = number | "failed" | "unknown";

export class PassiveHealth {
  readonly #rules: HostHealth["passive"];
  readonly #trialMs: number;
  readonly #isBadStatus: (status: number) => boolean;

  /** @param trialMs after this long a trial without outcome is taken for lost: its client may have left */
  constructor(rules: HostHealth["passive"], trialMs: number) {
    this.#rules = rules;
    this.#trialMs = trialMs;
    this.#isBadStatus = statusMatcher(rules.statuses);
  }

  /** True while the upstream gets no requests: it is out, and the next trial is not due or under way. */
  isOut(state: UpstreamState, now: number): boolean {
    if (state.outUntil === 0) return false;
    return now < state.outUntil || (state.trialAt !== 0 && now < state.trialAt + this.#trialMs);
  }

  /** A request goes to the upstream. True: that is out, and this is its trial, of which something has to be reported. */
  begin(state: UpstreamState, now: number): boolean {
    if (state.outUntil === 0) return false;
    state.trialAt = now;
    return true;
  }

  report(state: UpstreamState, outcome: UpstreamOutcome, now: number): void {
    // A trial that showed nothing is the next request's to make.
    if (outcome === "unknown") state.trialAt = 0;
    else if (outcome === "failed" || this.#isBadStatus(outcome)) this.#fail(state, now);
    else if (state.trialAt !== 0) {
      state.outUntil = 0;
      state.trialAt = 0;
    }
  }

  #fail(state: UpstreamState, now: number): void {
    const { max_failures: max, window, cooldown } = this.#rules;
    if (max === 0) return;
    if (state.outUntil !== 0) {
      // Requests that were under way when it was taken out say nothing new; only the trial counts.
      if (state.trialAt === 0) return;
      state.trialAt = 0;
      state.outUntil = now + cooldown;
      return;
    }
    const recent = state.failures.filter((at) => at > now - window);
    recent.push(now);
    const isOut = recent.length >= max;
    state.failures = isOut ? [] : recent;
    if (isOut) state.outUntil = now + cooldown;
  }
}
