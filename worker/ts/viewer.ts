// One who gets the stream from an object: a viewer, or another object. Reads the shared window at its own place, so that
// it costs no memory of its own beside the one write under way.

import { TS_LIMITS } from "../../shared/limits.ts";
import type { Entry } from "../../shared/ts/feed.ts";
import type { StreamWindow } from "../../shared/ts/window.ts";
import type { JoinRole } from "./join.ts";

export interface ViewerEvents {
  /** It has taken something. */
  onProgress(): void;
  /** It has left, or was cut off; called once. */
  onEnd(viewer: Viewer): void;
}

export class Viewer {
  readonly role: JoinRole;
  /** The stream for its reply; breaks when it is cut off. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #window: StreamWindow;
  readonly #events: ViewerEvents;
  #tables: Uint8Array | undefined;
  #place: number;
  #isWriting = false;
  #writeAt = 0;
  #ended = false;

  constructor(role: JoinRole, window: StreamWindow, { place, tables }: Entry, events: ViewerEvents) {
    const { readable, writable } = new IdentityTransformStream();
    this.role = role;
    this.readable = readable;
    this.#writer = writable.getWriter();
    this.#window = window;
    this.#events = events;
    this.#place = place;
    this.#tables = tables.byteLength > 0 ? tables : undefined;
    this.#writer.closed.catch(() => this.#end());
  }

  /** In the window: what lies before it this viewer has. */
  get place(): number {
    return this.#place;
  }

  /** There may be something to write. */
  wake(): void {
    if (!this.#isWriting && !this.#ended) void this.#write();
  }

  /** Cuts the viewer off if it has not kept up. */
  check(now: number): void {
    const isLate = this.#isWriting && now - this.#writeAt >= TS_LIMITS.WRITE_TIMEOUT_MS;
    if (isLate || this.#place < this.#window.start) this.cut("The viewer does not keep up");
  }

  /** Breaks the viewer's stream, so that nobody takes it for complete. */
  cut(reason: string): void {
    if (this.#ended) return;
    this.#writer.abort(new Error(reason)).catch(() => undefined);
    this.#end();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      for (let piece = this.#next(); piece && !this.#ended; piece = this.#next()) {
        this.#writeAt = Date.now();
        await this.#writer.write(piece);
        if (this.#tables) this.#tables = undefined;
        else this.#place += piece.byteLength;
        this.#events.onProgress();
      }
    } catch {
      this.#end();
    }
    this.#isWriting = false;
    // What fell out of the window meanwhile cannot be made up for.
    if (this.#place < this.#window.start) this.cut("The viewer does not keep up");
  }

  #next(): Uint8Array | undefined {
    return this.#tables ?? this.#window.read(this.#place);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onEnd(this);
  }
}
