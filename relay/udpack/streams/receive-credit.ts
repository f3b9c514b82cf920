// What the peer may send us in all (docs/UDPACK.md section 8.1): the session's credit, which is never below the sum of what
// its streams were granted, and the bounds that all receiving streams share. Pure arithmetic.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";

export interface ReceiveCreditOptions {
  /** What the handshake announced. */
  readonly maxData: number;
  readonly maxStreamData: number;
  readonly maxStreams: number;
}

export class ReceiveCredit {
  /** Session credit that the peer knows of or is about to. */
  advertised: number;
  /** The greatest offsets of all streams, summed. */
  received = 0;
  /** Gaps in what came that may still be kept, over all streams. */
  gapsLeft: number = UDPACK_STREAM_LIMITS.GAPS_MAX;
  /** True until the newest session credit was sent. */
  due = false;
  readonly streamBytes: number;
  /** Sum of the limits of all streams that are open or may be opened, and of the final sizes of the others. */
  #granted: number;
  /** First windows of all streams that are open or may be opened: what may have to be kept until it is read. */
  #windows: number;
  /** What windows have grown by. A bound of its own: a few large windows must not keep new streams from being opened. */
  #grown = 0;
  /** Window that readers of this session have lately been found to need, and to keep up with. */
  #earned = 0;

  constructor({ maxData, maxStreamData, maxStreams }: ReceiveCreditOptions) {
    this.streamBytes = maxStreamData;
    this.#granted = maxStreamData * maxStreams;
    this.#windows = this.#granted;
    this.advertised = maxData;
    this.#advertise();
  }

  /** Whether one more stream fits: one that we open, or that the peer may. */
  get hasRoom(): boolean {
    return this.#windows + this.streamBytes <= UDPACK_STREAM_LIMITS.FIRST_WINDOWS_BYTES_MAX;
  }

  /** One more stream, with the window and the credit of its beginning. */
  addStream(): void {
    this.#windows += this.streamBytes;
    this.grant(this.streamBytes);
  }

  /** Lets a window grow by `bytes` if all of them together stay within their bound. */
  grow(bytes: number): boolean {
    if (this.#grown + bytes > UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX) return false;
    this.#grown += bytes;
    return true;
  }

  /** Window that a prompt reader may have at once. */
  get earned(): number {
    return this.#earned;
  }

  /** A window has grown to `bytes`, because its reader kept up: later streams of this session need not prove it anew. */
  earn(bytes: number): void {
    this.#earned = Math.min(Math.max(this.#earned, bytes), UDPACK_STREAM_LIMITS.EARNED_WINDOW_BYTES_MAX);
  }

  /** A reader left a window of `bytes` unread: later streams begin with less than that. */
  forfeit(bytes: number): void {
    this.#earned = Math.min(this.#earned, Math.floor(bytes / 2));
  }

  /**
   * Lets the window of a new stream of ours begin with more than the usual; how much. Only while half of what windows may grow by
   * is not in use: however many streams begin and stand still, the other half is left to those that prove to need it.
   */
  takeEarned(): number {
    const more = this.#earned - this.streamBytes;
    if (more <= 0 || this.#grown + more > UDPACK_STREAM_LIMITS.GROWN_BYTES_MAX / 2) return 0;
    this.#grown += more;
    return more;
  }

  /** A window of `bytes`, the first one and what it grew by, is needed no longer. */
  release(bytes: number): void {
    this.#windows -= this.streamBytes;
    this.#grown -= bytes - this.streamBytes;
  }

  /** A stream may get `bytes` more in all. */
  grant(bytes: number): void {
    this.#granted += bytes;
    this.#advertise();
  }

  /** A stream ended without having used `bytes` of its credit. */
  giveBack(bytes: number): void {
    this.#granted -= bytes;
  }

  #advertise(): void {
    if (this.#granted <= this.advertised) return;
    // With some slack, so that not every short stream costs a frame of its own.
    this.advertised = this.#granted + UDPACK_STREAM_LIMITS.CREDIT_SLACK_BYTES;
    this.due = true;
  }
}
