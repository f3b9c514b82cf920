// The one connection of an object to where its stream comes from: kept up with back-off, going round the sources, until it is
// told to stop. Feeds what it reads; who watches is not its business.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { TS_LIMITS } from "../../shared/limits.ts";
import type { Feed } from "../../shared/ts/feed.ts";
import { type BodySource, openSource } from "../body-source.ts";
import { type ByteCount, byteCountOf } from "../hls/origin-meter.ts";
import type { Upstream } from "./upstream.ts";

export interface PullEvents {
  /** Something was fed. A promise holds the reading up until it resolves. */
  onFed(bytes: number): Promise<void> | undefined;
  /** All sources have failed in a row; `code` is what the last one failed of. */
  onFailed(code: ErrorCode): void;
}

export class Pull {
  readonly #feed: Feed;
  readonly #upstream: Upstream;
  readonly #events: PullEvents;
  #index = 0;
  /** Failed connections in a row. */
  #failures = 0;
  #stopped = false;
  /** The connection under way is given up for this; undefined: it is not. */
  #gaveUp: ErrorCode | "moved" | undefined;
  /** When the connection under way was opened. */
  #connectedAt = 0;
  #source: BodySource | undefined;
  /** Since when a read is waited for; undefined: none is. */
  #readAt: number | undefined;
  #endPause: (() => void) | undefined;

  constructor(feed: Feed, upstream: Upstream, events: PullEvents) {
    this.#feed = feed;
    this.#upstream = upstream;
    this.#events = events;
  }

  /** Pulls until `stop`; never rejects. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const code = await this.#connection();
      const worked = this.#feed.isLive && Date.now() - this.#connectedAt >= TS_LIMITS.HEALTHY_MS;
      this.#feed.disconnect();
      if (this.#stopped) return;
      if (code === "moved") continue;
      const { count } = this.#upstream;
      if (worked) this.#failures = 0;
      this.#failures++;
      this.#index = (this.#index + 1) % count;
      if (this.#failures % count !== 0) continue;
      this.#events.onFailed(code);
      await this.#pause(TS_LIMITS.RETRY_MIN_MS * 2 ** (this.#failures / count - 1));
    }
  }

  /** Ends the pull and its connection. */
  stop(): void {
    this.#stopped = true;
    this.#endPause?.();
    this.#giveUp("connection_closed");
  }

  /** The sources are others now: begins anew with the first. */
  move(): void {
    this.#index = 0;
    this.#failures = 0;
    this.#endPause?.();
    this.#giveUp("moved");
  }

  /** To be called regularly: gives a connection up that stands still. */
  check(now: number): void {
    if (this.#readAt === undefined) return;
    if (now - this.#readAt >= this.#upstream.readTimeoutMs) this.#giveUp("upstream_timeout");
    else if (!this.#feed.isLive && now - this.#connectedAt >= TS_LIMITS.BEGIN_TIMEOUT_MS)
      this.#giveUp("stream_malformed");
  }

  #giveUp(cause: ErrorCode | "moved"): void {
    this.#gaveUp ??= cause;
    void this.#source?.cancel(new Error("The stream is given up"));
  }

  /** One connection from begin to end; tells why it ended. */
  async #connection(): Promise<ErrorCode | "moved"> {
    this.#gaveUp = undefined;
    let code: ErrorCode = "upstream_invalid";
    try {
      const body = await this.#upstream.open(this.#index);
      this.#source = openSource(body);
      // The order to stop may have come while it was being opened.
      if (!this.#stopped && !this.#gaveUp) code = await this.#read(this.#source, byteCountOf(body));
    } catch (error) {
      if (error instanceof CausewayError) code = error.code;
    }
    return await this.#close(this.#gaveUp ?? code);
  }

  /** Before the next connection is opened: many providers allow a single one. */
  async #close(cause: ErrorCode | "moved"): Promise<ErrorCode | "moved"> {
    this.#readAt = undefined;
    if (!this.#source) return cause;
    await this.#source.cancel(new Error("The stream is over"));
    this.#source = undefined;
    // A failure to open it is counted where it is opened.
    if (!this.#stopped && cause !== "moved") this.#upstream.noteFailure(cause);
    return cause;
  }

  async #read(source: BodySource, count: ByteCount | undefined): Promise<ErrorCode> {
    this.#connectedAt = Date.now();
    this.#feed.connect(this.#connectedAt);
    for (let bytes = 0; ; ) {
      this.#readAt = Date.now();
      const { done, value } = await source.read();
      this.#readAt = undefined;
      if (done || this.#gaveUp)
        return bytes > 0 && !this.#feed.isLive ? "stream_malformed" : "upstream_invalid";
      bytes += value.byteLength;
      count?.(value.byteLength);
      this.#feed.push(value, Date.now());
      source.recycle(value);
      if (this.#feed.garbageBytes > TS_LIMITS.GARBAGE_BYTES_MAX) return "stream_malformed";
      await this.#events.onFed(value.byteLength);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(ms, TS_LIMITS.RETRY_MAX_MS));
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
    this.#endPause = undefined;
  }
}
