// One direction of a pipe whose bytes are paid for and paced. Reads go on when both is true: what was read is written, and the
// direction's turn has come. Knows neither accounts nor sockets.

import type { Pacer } from "./limits/pacer.ts";

/** What a pipe's bytes cost. */
export interface Meter {
  /** Pays for bytes before they move; false: they must not, and the pipe is being ended. */
  charge(bytes: number): boolean;
  /** The rates of one direction; undefined without any. */
  pacer(way: "up" | "down", onReady: () => void): Pacer | undefined;
  /** Most bytes of one read that keep a rate smooth. */
  readonly readBytesMax: number | undefined;
}

export interface MeteredWayOptions {
  /** Passes a chunk on, and counts it; false while it is pending. */
  readonly pass: (chunk: Buffer) => boolean;
  /** Begins or goes on reading. */
  readonly resume: () => void;
}

export class MeteredWay {
  readonly #meter: Meter;
  readonly #options: MeteredWayOptions;
  readonly #pacer: Pacer | undefined;
  #isPending = false;

  constructor(meter: Meter, way: "up" | "down", options: MeteredWayOptions) {
    this.#meter = meter;
    this.#options = options;
    this.#pacer = meter.pacer(way, () => {
      if (!this.#isPending) this.#options.resume();
    });
  }

  /** Whether it waits for its turn: nothing can move meanwhile, which is no idleness. */
  get waits(): boolean {
    return this.#pacer?.waits ?? false;
  }

  /** Takes what was read; false to read no further for now. */
  readonly take = (chunk: Buffer): boolean => {
    if (!this.#meter.charge(chunk.length)) return false;
    this.#isPending = !this.#options.pass(chunk);
    const isFree = this.#pacer?.spend(chunk.length) ?? true;
    return isFree && !this.#isPending;
  };

  /** What was taken last is written, or nothing was taken yet: reads as soon as its turn has come. */
  written(): void {
    this.#isPending = false;
    if (this.#pacer?.ask() !== false) this.#options.resume();
  }

  leave(): void {
    this.#pacer?.leave();
  }
}
