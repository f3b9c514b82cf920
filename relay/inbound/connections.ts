// The client connections of a relay: counted against a cap, ended together at shutdown.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { RELAY_LIMITS } from "../../shared/limits.ts";

/** One connection's place among all. */
export interface Place {
  /** Aborts when the relay ends the connection, or when the place is left before it has moved into a pipe. */
  readonly signal: AbortSignal;
  /** True once the connection has moved into a pipe, whose end then frees the place instead of the socket's. */
  carried: boolean;
  /** Ends the connection, as at shutdown; it leaves by itself. */
  end(): void;
  /** Frees the place; again changes nothing. */
  leave(): void;
  /** Calls `after` once the place is left; at once when it has been. */
  onLeave(after: () => void): void;
}

/** Places as they are counted where several threads give them out. */
export interface PlaceCount {
  /** False when all threads together have given as many as `max` out. */
  take(max: number): boolean;
  giveBack(): void;
}

/** Connections as those see them who only wait for their end, or bring it about. */
export interface Crowd {
  readonly size: number;
  /** Resolves once no connection is open. */
  empty(): Promise<void>;
  /** Ends all connections; each leaves by itself. */
  abort(): void;
}

/** Why a place's signal aborts; one for all, because an error of its own for each connection costs a stack trace. */
const OVER = new Error("The connection is over");

export class Connections implements Crowd {
  #max: number;
  readonly #whole: Connections | undefined;
  readonly #count: PlaceCount | undefined;
  readonly #open = new Set<AbortController>();
  readonly #waiting: (() => void)[] = [];

  /** `whole`: these are a part of them, and count there, too. `count`: absent, they are this thread's alone. */
  constructor(max: number, whole?: Connections, count?: PlaceCount) {
    this.#max = max;
    this.#whole = whole;
    this.#count = count;
  }

  /** Those of one inbound: under the cap of all, ended apart. */
  part(count?: PlaceCount): Connections {
    return new Connections(this.#max, this, count);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Sets another cap; those beyond it go on. */
  resize(max: number): void {
    this.#max = max;
  }

  /** A place, or undefined at the cap. */
  enter(): Place | undefined {
    const whole = this.#whole ?? this;
    if (!whole.#hasRoom()) return undefined;
    if (whole !== this) this.#count?.take(Number.POSITIVE_INFINITY);
    const controller = new AbortController();
    const followers: (() => void)[] = [];
    this.#add(controller);
    const place: Place = {
      signal: controller.signal,
      carried: false,
      end: () => controller.abort(OVER),
      leave: () => {
        if (!this.#open.has(controller)) return;
        this.#remove(controller);
        // A pipe is over by itself then, and telling nobody costs a tenth of a short connection.
        if (!place.carried) controller.abort(OVER);
        for (const follow of followers) follow();
      },
      onLeave: (after) => {
        if (this.#open.has(controller)) followers.push(after);
        else after();
      },
    };
    return place;
  }

  /** Takes the place where places are counted together. */
  #hasRoom(): boolean {
    return this.#count?.take(this.#max) ?? this.size < this.#max;
  }

  #add(controller: AbortController): void {
    this.#open.add(controller);
    if (this.#whole) this.#whole.#add(controller);
  }

  #remove(controller: AbortController): void {
    if (this.#whole) this.#whole.#remove(controller);
    this.#open.delete(controller);
    this.#count?.giveBack();
    if (this.#open.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves once no connection is open. */
  empty(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends all connections; each leaves by itself. */
  abort(): void {
    for (const controller of this.#open) controller.abort(OVER);
  }
}

/**
 * Gives up a socket whose last answer has been written: what the client still sends is read and dropped for a moment, or
 * the reset for unread bytes would overtake the answer.
 */
export function dismiss(socket: Socket): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), RELAY_LIMITS.LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.once("end", () => socket.destroySoon());
  socket.resume();
}

/**
 * Reads and drops what is left of a request's body after its answer, so that the connection can be used again; a body that
 * takes longer than a moment ends the connection instead.
 */
export function dropBody(req: IncomingMessage): void {
  if (req.complete || req.socket.destroyed) return;
  const timer = setTimeout(() => req.socket.destroy(), RELAY_LIMITS.LINGER_MS);
  req.once("close", () => clearTimeout(timer));
  req.resume();
}
