// The health object: one for all data centres. Its alarm makes the active checks that are due, by way of an entrypoint, and
// tells the directory when an upstream turns. Without checks in the configuration it has no alarm and costs nothing.

import { DurableObject } from "cloudflare:workers";
import type { HealthCheck } from "../../shared/config/health-checks.ts";
import { HEALTH_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { ChecksReply } from "../directory/object.ts";
import { HealthStore } from "./store.ts";
import { type CheckFailure, type CheckResult, CheckTable } from "./table.ts";

/** The entrypoint's methods that this object calls. */
interface Checker {
  checks(known: number): Promise<ChecksReply | null>;
  run(checks: readonly HealthCheck[], epoch: number): Promise<CheckResult[]>;
  report(down: readonly string[]): Promise<void>;
}

/** One check as it is shown. Times are milliseconds since the epoch, 0 for never. */
export interface CheckReport {
  readonly id: string;
  readonly via: string;
  readonly upstream: string;
  readonly path: string;
  readonly up: boolean;
  readonly failure: CheckFailure;
  readonly status: number;
  readonly duration_ms: number;
  readonly checked_at: number;
  readonly changed_at: number;
}

export class Health extends DurableObject<object> {
  readonly #store: HealthStore;
  readonly #table = new CheckTable();
  /** Of the configuration that the table is from; 0: none. */
  #epoch: number;
  /** An epoch that somebody has spoken of since the directory was asked last; 0: none. */
  #heardOf = 0;
  /** What the directory was told last; undefined: unknown to this instance. */
  #reported: string | undefined;
  #reporting: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#store = new HealthStore(ctx.storage);
    this.#epoch = this.#store.load(this.#table, Date.now());
  }

  get #checker(): Checker {
    return (this.ctx.exports as unknown as { readonly HealthChecker: Checker }).HealthChecker;
  }

  /** There is a configuration of this epoch, if not a newer one. Whoever tells it twice mends a lost alarm. */
  async follow(epoch: number): Promise<void> {
    if (epoch <= this.#epoch) return this.#rearm();
    this.#heardOf = Math.max(this.#heardOf, epoch);
    await this.ctx.storage.setAlarm(Date.now());
  }

  /** All checks with their last results. */
  async list(): Promise<CheckReport[]> {
    return this.#table.entries().map(({ check: { id, via, base, active }, state }) => ({
      id,
      via,
      upstream: base,
      path: active.path,
      up: state.up,
      failure: state.last.failure,
      status: state.last.status,
      duration_ms: state.last.ms,
      checked_at: state.checkedAt,
      changed_at: state.changedAt,
    }));
  }

  /** Rejects never: the runtime gives an alarm up after a few failures, and the checks would end for good. */
  override async alarm(): Promise<void> {
    try {
      await this.#reread();
      await this.#round(Date.now() + LIMITS.ROUND_MS);
      await this.#report();
    } catch {
      // What failed is tried again with the next alarm; the last word on each upstream stands until then.
    }
    try {
      this.#store.saveStates(this.#epoch, this.#table);
    } catch {
      // An eviction forgets what could not be stored; the rounds must go on all the same.
    }
    await this.#schedule();
  }

  /** Takes over the directory's configuration if it is another one; if it cannot be read, the last one serves on. */
  async #reread(): Promise<void> {
    const heardOf = this.#heardOf;
    const reply = await this.#checker.checks(this.#epoch).catch(() => undefined);
    if (reply === undefined) return;
    // Whatever was heard of before the question is in the answer.
    if (this.#heardOf === heardOf) this.#heardOf = 0;
    if (reply === null) return;
    this.#table.adopt(reply.checks, Date.now());
    this.#store.saveChecks(reply.checks);
    this.#epoch = reply.epoch;
    this.#reported = undefined;
  }

  /**
   * Makes all checks that are due, and those that fall due meanwhile: one upstream that takes its time must not keep others
   * from being checked. Ends when none is under way.
   */
  async #round(until: number): Promise<void> {
    const running = new Set<Promise<void>>();
    for (;;) {
      while (running.size < LIMITS.CALLS_AT_ONCE && Date.now() < until) {
        const batch = this.#table.take(Date.now(), LIMITS.CHECKS_PER_CALL);
        if (batch.length === 0) break;
        const call: Promise<void> = this.#run(batch).finally(() => running.delete(call));
        running.add(call);
      }
      if (running.size === 0) return;
      await Promise.race([...running, scheduler.wait(LIMITS.LOOK_MS)]);
      if (this.#heardOf > this.#epoch) await this.#reread();
    }
  }

  async #run(batch: readonly HealthCheck[]): Promise<void> {
    let turned = false;
    try {
      for (const result of await this.#checker.run(batch, this.#epoch))
        turned = this.#table.apply(result, Date.now()) || turned;
    } catch {
      // The entrypoint itself failed: that says nothing about the upstreams.
    }
    for (const { id } of batch) this.#table.drop(id, Date.now() + LIMITS.RETRY_MS);
    if (!turned) return;
    this.#store.saveStates(this.#epoch, this.#table);
    await this.#report();
  }

  /** Tells the directory the whole state, so that a lost report is mended by the next; one at a time, so that none overtakes. */
  #report(): Promise<void> {
    this.#reporting = this.#reporting.then(() => this.#tell());
    return this.#reporting;
  }

  async #tell(): Promise<void> {
    const down = this.#table.down();
    const text = down.join();
    if (text === this.#reported) return;
    try {
      await this.#checker.report(down);
      this.#reported = text;
    } catch {
      this.#reported = undefined;
    }
  }

  async #rearm(): Promise<void> {
    const hasAlarm = (await this.ctx.storage.getAlarm()) !== null;
    if (!hasAlarm && this.#table.entries().length > 0) await this.ctx.storage.setAlarm(Date.now());
  }

  async #schedule(): Promise<void> {
    const now = Date.now();
    const next = this.#table.nextAt();
    // Somebody spoke of a configuration that could not be read yet.
    const pending = this.#heardOf > this.#epoch ? now + LIMITS.RETRY_MS : undefined;
    const times = [next, pending].filter((at) => at !== undefined);
    if (times.length === 0) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Math.max(now + LIMITS.LOOK_MS, Math.min(...times)));
  }
}
