// Decides when an isolate asks for a newer configuration, and what a request does meanwhile. Knows neither the directory
// nor the Cache API: both stand behind ConfigSource.

import { CausewayError } from "../../shared/errors.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "./deadline.ts";

/** The current version, as old as `askedAt`: the time before the object was asked, so never too young. */
export interface Latest {
  readonly version: number;
  readonly epoch: number;
  /** The number of what changes without a version. */
  readonly live: number;
  readonly askedAt: number;
}

/** Where configurations come from. Made per request: the work it does belongs to that request's context. */
export interface ConfigSource<S> {
  latest(): Promise<Latest>;
  /** Loads what is current, which may be newer than `latest` says. */
  load(latest: Latest): Promise<S>;
  /** Brings up to date what changes without a version. */
  follow(latest: Latest): Promise<void>;
}

/** What the poller knows at a moment. */
export interface PollState {
  /** `nothing`: never answered; `none`: there is no configuration yet. */
  readonly known: "nothing" | "none" | "snapshot";
  /** Milliseconds since what is known was asked for. */
  readonly age: number;
  /** Milliseconds since the last failure; Infinity after a success. */
  readonly failedFor: number;
  /** Milliseconds until another attempt is allowed; 0 or less: now. */
  readonly retryIn: number;
}

/**
 * What a request does: `serve` what is known, `refresh` it in the background, or `wait` for an answer first. A dead
 * directory makes hardly anyone wait: after a failure only the background asks, as long as there is a snapshot.
 */
export function decide({ known, age, failedFor, retryIn }: PollState): "serve" | "refresh" | "wait" {
  if (retryIn > 0) return "serve";
  if (known === "nothing") return "wait";
  if (known === "none") return age < LIMITS.RECHECK_NONE_MS ? "serve" : "wait";
  if (age < LIMITS.REFRESH_AFTER_MS) return "serve";
  return age < LIMITS.WAIT_AFTER_MS || failedFor < LIMITS.FAILING_MS ? "refresh" : "wait";
}

/** One per isolate. */
export class ConfigPoller<S extends { readonly epoch: number }> {
  readonly #now: () => number;
  #snapshot: S | undefined;
  #known: PollState["known"] = "nothing";
  #askedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Rises when what is known is declared outdated; a refresh begun before then does not count as news. */
  #generation = 0;
  #flight: { readonly promise: Promise<void>; readonly startedAt: number } | undefined;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The configuration, where it is young enough for a request to be served without asking for a newer one. */
  fresh(): S | undefined {
    return decide(this.#state()) === "serve" ? this.#snapshot : undefined;
  }

  /**
   * The newest configuration that can be had in reasonable time.
   * @throws CausewayError `config_unavailable` when there is none
   */
  async current(source: ConfigSource<S>, waitUntil: (work: Promise<void>) => void): Promise<S> {
    const decision = decide(this.#state());
    if (decision !== "serve") {
      const flight = this.#join(source, waitUntil);
      if (decision === "wait") await this.#wait(flight);
    }
    if (this.#snapshot === undefined) throw new CausewayError("config_unavailable");
    return this.#snapshot;
  }

  /** Something newer exists: the next request waits for it. */
  expire(): void {
    this.#generation++;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#failedAt = Number.NEGATIVE_INFINITY;
    this.#flight = undefined;
  }

  #state(): PollState {
    const now = this.#now();
    return {
      known: this.#known,
      age: now - this.#askedAt,
      failedFor: now - this.#failedAt,
      retryIn: this.#retryAt - now,
    };
  }

  /** One refresh at a time; one that is overdue is given up, because its request's context may have died with it. */
  #join(source: ConfigSource<S>, waitUntil: (work: Promise<void>) => void): Promise<void> {
    const startedAt = this.#now();
    if (this.#flight !== undefined && startedAt - this.#flight.startedAt < LIMITS.REFRESH_DEADLINE_MS) {
      return this.#flight.promise;
    }
    const flight = { promise: this.#refresh(source), startedAt };
    this.#flight = flight;
    const work = flight.promise.finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    waitUntil(work);
    return flight.promise;
  }

  /** The timer is this request's own, so it ends the wait also when the refreshing request's context is gone. */
  async #wait(flight: Promise<void>): Promise<void> {
    const ms = this.#known === "snapshot" ? LIMITS.WAIT_STALE_MS : LIMITS.WAIT_FIRST_MS;
    try {
      await withDeadline(flight, ms);
    } catch {
      // Too late for this request: it is served what is known, and the refresh goes on.
    }
  }

  /** Never rejects: a failure is remembered and paces further attempts. */
  async #refresh(source: ConfigSource<S>): Promise<void> {
    const generation = this.#generation;
    try {
      await withDeadline(this.#load(source, generation), LIMITS.REFRESH_DEADLINE_MS);
      this.#failures = 0;
      this.#failedAt = Number.NEGATIVE_INFINITY;
      this.#retryAt = Number.NEGATIVE_INFINITY;
    } catch {
      const pause = Math.min(LIMITS.RETRY_MAX_MS, LIMITS.RETRY_MIN_MS * 2 ** this.#failures);
      this.#failures = Math.min(this.#failures + 1, 16);
      this.#failedAt = this.#now();
      this.#retryAt = this.#failedAt + pause;
    }
  }

  async #load(source: ConfigSource<S>, generation: number): Promise<void> {
    const latest = await source.latest();
    // An epoch never falls: a lower one is an answer from before this isolate's own push.
    if (latest.version > 0) await source.follow(latest);
    if (latest.version === 0) {
      if (this.#known === "nothing") this.#known = "none";
    } else if (this.#snapshot === undefined || latest.epoch > this.#snapshot.epoch) {
      const snapshot = await source.load(latest);
      if (this.#snapshot === undefined || snapshot.epoch > this.#snapshot.epoch) this.#snapshot = snapshot;
      this.#known = "snapshot";
    }
    if (generation === this.#generation) this.#askedAt = Math.max(this.#askedAt, latest.askedAt);
  }
}
