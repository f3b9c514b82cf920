// One rate shared fairly by any number of streams: each has a lane, and lanes that wait get equal parts of what has come in,
// or, where that would be crumbs, their turns one after the other. One timer per rate, and only while a lane waits. It moves no bytes: lanes
// say when reading may go on.

import { PACING_LIMITS } from "../../shared/limits.ts";
import { type Bucket, TokenBucket } from "./token-bucket.ts";

/** Time as a rate needs it; tests replace it. */
export interface PacingClock {
  /** Milliseconds; only differences matter. */
  now(): number;
  /** Calls `tick` once after `ms`. */
  schedule(ms: number, tick: () => void): void;
}

export const SYSTEM_PACING: PacingClock = {
  now: () => performance.now(),
  // A pending turn must not keep a process alive whose sockets are gone.
  schedule: (ms, tick) => void setTimeout(tick, ms).unref(),
};

export class FairShare {
  readonly #clock: PacingClock;
  readonly #bucket: Bucket;
  /** In the order of their turns. */
  readonly #waiting = new Set<Lane>();
  #armed = false;
  #isLifted = false;

  /** `rate` in bytes per second; `bucket` may be one that other threads share. */
  constructor(
    rate: number,
    clock: PacingClock = SYSTEM_PACING,
    bucket: Bucket = new TokenBucket(rate, clock.now()),
  ) {
    this.#clock = clock;
    this.#bucket = bucket;
  }

  get rate(): number {
    return this.#bucket.rate;
  }

  setRate(rate: number): void {
    this.#isLifted = false;
    this.#bucket.setRate(rate, this.#clock.now());
  }

  /** There is no rate any more: nobody waits, until `setRate` brings one back. */
  lift(): void {
    this.#isLifted = true;
    const released = [...this.#waiting];
    this.#waiting.clear();
    this.#bucket.wait(0);
    for (const lane of released) {
      lane.credit = 0;
      lane.resume();
    }
  }

  /** A lane of its own for a stream; `onReady` follows whenever it had to wait. */
  lane(onReady: () => void): Lane {
    return new Lane(this, onReady);
  }

  /** Fills a lane up to a quantum if nobody waits; false: it waits for its turn now. For lanes only. */
  draw(lane: Lane): boolean {
    if (this.#isLifted) {
      // Neither what it owed nor what it moves now is anybody's once there is a rate again.
      lane.credit = 0;
      return true;
    }
    if (this.#waiting.size === 0 && !this.#bucket.othersWait) {
      this.#bucket.fill(this.#clock.now(), false);
      const bytes = Math.min(this.#bucket.tokens, this.#quantum - lane.credit);
      if (bytes > 0) this.#give(lane, bytes);
      if (lane.credit > 0) return true;
    }
    this.#waiting.add(lane);
    this.#bucket.wait(this.#waiting.size);
    this.#arm();
    return false;
  }

  /** What a lane has left, or owes, is everybody's. For lanes only. */
  dissolve(lane: Lane): void {
    if (this.#waiting.delete(lane)) this.#bucket.wait(this.#waiting.size);
    this.#bucket.take(-lane.credit);
    lane.credit = 0;
  }

  get #quantum(): number {
    const turn = (this.#bucket.rate * PACING_LIMITS.TICK_MS) / 1_000 / PACING_LIMITS.DRAWS_PER_TICK;
    return Math.min(Math.max(turn, PACING_LIMITS.QUANTUM_BYTES_MIN), PACING_LIMITS.QUANTUM_BYTES_MAX);
  }

  #give(lane: Lane, bytes: number): void {
    this.#bucket.take(bytes);
    lane.credit += bytes;
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#clock.schedule(PACING_LIMITS.TICK_MS, this.#tick);
  }

  readonly #tick = (): void => {
    this.#armed = false;
    this.#bucket.fill(this.#clock.now(), this.#waiting.size > 0);
    const ready: Lane[] = [];
    // Equal parts for all, also for those that need less to go on: otherwise streams with small reads would get less.
    const part = Math.max(this.#bucket.part(this.#waiting.size), PACING_LIMITS.QUANTUM_BYTES_MIN);
    for (const lane of [...this.#waiting]) {
      const bytes = Math.min(part, this.#bucket.tokens);
      if (bytes <= 0) break;
      this.#give(lane, bytes);
      this.#waiting.delete(lane);
      if (lane.credit > 0) ready.push(lane);
      else this.#waiting.add(lane);
    }
    this.#bucket.wait(this.#waiting.size);
    if (this.#waiting.size > 0) this.#arm();
    for (const lane of ready) lane.resume();
  };
}

/** One stream's part of a rate. */
export class Lane {
  readonly #share: FairShare;
  readonly #onReady: () => void;
  /** Bytes that it may still move; negative: read beyond it. Kept by the share. */
  credit = 0;
  #waits = false;
  #left = false;

  constructor(share: FairShare, onReady: () => void) {
    this.#share = share;
    this.#onReady = onReady;
  }

  get waits(): boolean {
    return this.#waits;
  }

  /** Whether bytes may be moved now; if not, `onReady` follows. */
  ask(): boolean {
    if (this.#left) return true;
    if (this.#waits) return false;
    if (this.credit > 0 || this.#share.draw(this)) return true;
    this.#waits = true;
    return false;
  }

  /** Pays for bytes that are moved, and asks for the next ones. */
  spend(bytes: number): boolean {
    if (this.#left) return true;
    this.credit -= bytes;
    return this.ask();
  }

  /** Its turn has come. For the share only. */
  resume(): void {
    this.#waits = false;
    if (!this.#left) this.#onReady();
  }

  /** The stream has ended. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#waits = false;
    this.#share.dissolve(this);
  }
}
