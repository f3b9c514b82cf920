// What is known of the upstreams that are checked: which check is due, and what its results make of an upstream. Pure state:
// the clock comes in as an argument.

import type { HealthCheck } from "../../shared/config/health-checks.ts";

/** Why a check failed: "" for one that passed, else an error code, or what did not match. */
export type CheckFailure =
  | ""
  | "status"
  | "body"
  | "upstream_timeout"
  | "upstream_unreachable"
  | "relay_unreachable"
  | "relay_refused"
  | "secrets_missing"
  | "internal";

export interface CheckResult {
  readonly id: string;
  readonly failure: CheckFailure;
  /** Status of the reply; 0: none came. */
  readonly status: number;
  /** How long it took. */
  readonly ms: number;
}

/** The state of one check, as it is kept. */
export interface CheckState {
  up: boolean;
  /** Failures, or passes, in a row; counted up to what they change. */
  fails: number;
  passes: number;
  /** Milliseconds since the epoch; 0: never. */
  checkedAt: number;
  changedAt: number;
  last: Pick<CheckResult, "failure" | "status" | "ms">;
}

interface Entry {
  readonly check: HealthCheck;
  readonly state: CheckState;
  dueAt: number;
  isRunning: boolean;
}

export class CheckTable {
  readonly #entries = new Map<string, Entry>();

  entries(): readonly Readonly<Entry>[] {
    return [...this.#entries.values()];
  }

  /** Takes over the checks of a configuration. What is known of a check that stays stays known; a new one is due at once. */
  adopt(
    checks: readonly HealthCheck[],
    now: number,
    known: ReadonlyMap<string, CheckState> = new Map(),
  ): void {
    const wanted = new Set(checks.map(({ id }) => id));
    for (const id of this.#entries.keys()) if (!wanted.has(id)) this.#entries.delete(id);
    for (const check of checks) {
      if (this.#entries.has(check.id)) continue;
      const state = known.get(check.id) ?? newState();
      // A clock that fell back must not put a check off.
      const isNew = state.checkedAt === 0 || state.checkedAt > now;
      const dueAt = isNew ? now : state.checkedAt + check.active.interval;
      this.#entries.set(check.id, { check, state, dueAt, isRunning: false });
    }
  }

  /**
   * Takes the checks that are due, quick ones first, so that one slow upstream makes others wait as little as possible;
   * each counts as under way until `apply` or `drop`.
   */
  take(now: number, max: number): HealthCheck[] {
    const due = [...this.#entries.values()].filter(({ isRunning, dueAt }) => !isRunning && dueAt <= now);
    due.sort((a, b) => a.state.last.ms - b.state.last.ms);
    return due.slice(0, max).map((entry) => {
      entry.isRunning = true;
      entry.dueAt = now + entry.check.active.interval;
      return entry.check;
    });
  }

  /** A check under way gave no result: it is due again at `retryAt`, or when it would be anyway. */
  drop(id: string, retryAt: number): void {
    const entry = this.#entries.get(id);
    if (!entry?.isRunning) return;
    entry.isRunning = false;
    entry.dueAt = Math.min(entry.dueAt, retryAt);
  }

  /** True when the result turned an upstream's state. */
  apply({ id, failure, status, ms }: CheckResult, now: number): boolean {
    const entry = this.#entries.get(id);
    // The configuration may have dropped the check meanwhile.
    if (!entry) return false;
    const { state, check } = entry;
    const passed = failure === "";
    entry.isRunning = false;
    state.checkedAt = now;
    state.last = { failure, status, ms };
    state.fails = passed ? 0 : Math.min(state.fails + 1, check.active.fails);
    state.passes = passed ? Math.min(state.passes + 1, check.active.passes) : 0;
    const turns = state.up ? state.fails >= check.active.fails : state.passes >= check.active.passes;
    if (!turns) return false;
    state.up = !state.up;
    state.changedAt = now;
    return true;
  }

  /** Ids of the checks whose upstream is down. */
  down(): string[] {
    return this.entries().flatMap(({ check, state }) => (state.up ? [] : [check.id]));
  }

  /** When the next check is due that is not under way; undefined: none is. */
  nextAt(): number | undefined {
    let next: number | undefined;
    for (const { isRunning, dueAt } of this.#entries.values())
      if (!isRunning && (next === undefined || dueAt < next)) next = dueAt;
    return next;
  }
}

/** An upstream is up until its checks have failed: a push must not empty a host until the first round is over. */
function newState(): CheckState {
  return {
    up: true,
    fails: 0,
    passes: 0,
    checkedAt: 0,
    changedAt: 0,
    last: { failure: "", status: 0, ms: 0 },
  };
}
