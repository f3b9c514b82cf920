// One life of an object: from the first who joins until nobody is left. Lets viewers in at keyframes, hands them what the
// pull brings, cuts off who does not keep up, and ends the pull when it has no purpose any more.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { TS_LIMITS } from "../../shared/limits.ts";
import { Feed } from "../../shared/ts/feed.ts";
import { callRefresh, type JoinRole } from "./join.ts";
import { Pull } from "./pull.ts";
import { type Place, Upstream } from "./upstream.ts";
import { Viewer } from "./viewer.ts";

/** Somebody who has joined: the stream, or for a probe that there is one. */
export interface Joined {
  readonly body: ReadableStream<Uint8Array> | null;
  /** It was running before. */
  readonly isShared: boolean;
}

interface Waiter {
  readonly role: JoinRole;
  readonly since: number;
  readonly isShared: boolean;
  /** Aborts when it has left. */
  readonly signal: AbortSignal;
  resolve(joined: Joined): void;
  reject(error: CausewayError): void;
}

export class Broadcast {
  readonly #place: Place;
  readonly #onEnd: (failure: ErrorCode | undefined) => void;
  readonly #feed = new Feed();
  readonly #upstream: Upstream;
  readonly #pull: Pull;
  readonly #viewers = new Set<Viewer>();
  readonly #waiters = new Set<Waiter>();
  #ended = false;
  #tick: ReturnType<typeof setInterval> | null = null;
  #publishTimer: ReturnType<typeof setTimeout> | null = null;
  #publishedTo = 0;
  #liveAt = Date.now();
  #filledAt = Date.now();
  #busyAt = Date.now();
  #checkedAt = Date.now();
  #refreshedAt = Date.now();
  #unwatchedBytes = 0;
  #resume: (() => void) | undefined;

  /** `onEnd` is called once, with what the channel failed of if it did. */
  constructor(place: Place, onEnd: (failure: ErrorCode | undefined) => void) {
    this.#place = place;
    this.#onEnd = onEnd;
    this.#upstream = new Upstream(place);
    this.#pull = new Pull(this.#feed, this.#upstream, {
      onFed: (bytes) => this.#fed(bytes),
      onFailed: (code) => this.#failed(code),
    });
  }

  /** True when no more of this role are taken in. */
  isFull(role: JoinRole): boolean {
    let taken = 0;
    for (const { role: other } of [...this.#viewers, ...this.#waiters])
      if ((other === "object") === (role === "object")) taken++;
    return taken >= (role === "object" ? TS_LIMITS.CHILDREN_MAX : TS_LIMITS.VIEWERS_PER_OBJECT);
  }

  /**
   * Joins as soon as there is a place in the stream to begin at.
   * @throws CausewayError what the sources failed of, `upstream_timeout`, `connection_closed` when `signal` aborts
   */
  join(role: JoinRole, signal: AbortSignal): Promise<Joined> {
    const { promise, resolve, reject } = Promise.withResolvers<Joined>();
    const waiter = { role, since: Date.now(), isShared: this.#feed.isLive, signal, resolve, reject };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", () => {
      this.#busyAt = Date.now();
      if (this.#waiters.delete(waiter)) reject(new CausewayError("connection_closed"));
    });
    if (this.#tick === null) this.#start();
    this.#admit();
    return promise;
  }

  #start(): void {
    this.#tick = setInterval(() => this.#look(Date.now()), TS_LIMITS.TICK_MS);
    void this.#upstream.load().then(
      () => this.#pull.run(),
      (error) => this.#end(codeOf(error)),
    );
  }

  #admit(): void {
    const now = Date.now();
    for (const waiter of this.#waiters) {
      const entry = this.#feed.entry(waiter.since, now);
      if (!entry) continue;
      this.#waiters.delete(waiter);
      this.#busyAt = now;
      if (waiter.role === "probe") {
        waiter.resolve({ body: null, isShared: waiter.isShared });
        continue;
      }
      const viewer = new Viewer(waiter.role, this.#feed.window, entry, {
        onProgress: () => this.#makeRoom(),
        onEnd: () => this.#left(viewer),
      });
      this.#viewers.add(viewer);
      // The stream itself tells only with the next write.
      waiter.signal.addEventListener("abort", () => viewer.cut("The viewer has left"));
      this.#unwatchedBytes = 0;
      viewer.wake();
      waiter.resolve({ body: viewer.readable, isShared: waiter.isShared });
    }
    this.#makeRoom();
  }

  #left(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#busyAt = Date.now();
    this.#makeRoom();
  }

  #fed(bytes: number): Promise<void> | undefined {
    if (this.#ended) return undefined;
    const now = Date.now();
    if (this.#feed.isLive) this.#liveAt = this.#filledAt = now;
    if (this.#viewers.size === 0) this.#unwatchedBytes += bytes;
    if (this.#feed.window.end - this.#publishedTo >= TS_LIMITS.BLOCK_BYTES) this.#publish(now);
    else this.#publishTimer ??= setTimeout(() => this.#publish(Date.now()), TS_LIMITS.PUBLISH_INTERVAL_MS);
    if (this.#hasRoom) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resume = resolve;
    return promise;
  }

  #publish(now: number): void {
    clearTimeout(this.#publishTimer);
    this.#publishTimer = null;
    this.#publishedTo = this.#feed.window.end;
    if (this.#waiters.size > 0) this.#admit();
    let needed = this.#feed.neededFrom;
    for (const viewer of this.#viewers) {
      viewer.wake();
      needed = Math.min(needed, viewer.place);
    }
    this.#feed.window.trim(needed, now);
    for (const viewer of this.#viewers) viewer.check(now);
  }

  /** A live stream comes at its own pace; this slows down what is no live stream. */
  get #hasRoom(): boolean {
    if (this.#viewers.size === 0) return this.#unwatchedBytes < TS_LIMITS.LINGER_BYTES_MAX;
    let foremost = 0;
    for (const { place } of this.#viewers) foremost = Math.max(foremost, place);
    return this.#feed.window.end - foremost < TS_LIMITS.AHEAD_BYTES_MAX;
  }

  #makeRoom(): void {
    if (!this.#resume || !(this.#ended || this.#hasRoom)) return;
    this.#resume();
    this.#resume = undefined;
  }

  /** Who waits is told; who watches may see the stream come back. */
  #failed(code: ErrorCode): void {
    for (const waiter of this.#waiters) waiter.reject(new CausewayError(code));
    this.#waiters.clear();
    if (this.#viewers.size === 0) this.#end(code);
  }

  #look(now: number): void {
    for (const waiter of this.#waiters) {
      if (now - waiter.since < TS_LIMITS.START_TIMEOUT_MS) continue;
      this.#waiters.delete(waiter);
      waiter.reject(new CausewayError("upstream_timeout"));
    }
    if (this.#viewers.size === 0 && this.#waiters.size === 0) {
      if (now - this.#busyAt >= TS_LIMITS.LINGER_MS) this.#end(undefined);
      return;
    }
    if (now - this.#liveAt >= TS_LIMITS.OUTAGE_MS_MAX) {
      this.#end("upstream_timeout");
      return;
    }
    this.#pull.check(now);
    if (now - this.#filledAt >= TS_LIMITS.FILL_AFTER_MS) {
      this.#filledAt = now;
      this.#feed.fill(now);
    }
    this.#publish(now);
    this.#maintain(now);
  }

  #maintain(now: number): void {
    if (now - this.#checkedAt >= TS_LIMITS.CONFIG_CHECK_MS) {
      this.#checkedAt = now;
      void this.#followConfig();
    }
    if (now - this.#refreshedAt >= TS_LIMITS.REFRESH_MS) {
      this.#refreshedAt = now;
      const { env, channel, shard } = this.#place;
      callRefresh(env, channel, shard).catch(() => undefined);
    }
  }

  async #followConfig(): Promise<void> {
    try {
      if (await this.#upstream.load()) this.#pull.move();
    } catch (error) {
      // While the directory fails, what is known serves on.
      if (codeOf(error) === "channel_unknown") this.#end("channel_unknown");
    }
  }

  /** Everything is over; viewers' connections break. */
  #end(failure: ErrorCode | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#tick);
    clearTimeout(this.#publishTimer);
    this.#pull.stop();
    for (const waiter of this.#waiters) waiter.reject(new CausewayError(failure ?? "upstream_invalid"));
    this.#waiters.clear();
    for (const viewer of this.#viewers) viewer.cut("The stream is over");
    this.#makeRoom();
    this.#onEnd(failure);
  }
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof CausewayError ? error.code : "internal";
}
