// The client connections of a relay: counted against a cap, ended together at shutdown.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { RELAY_LIMITS } from "../../shared/limits.ts";

/** One connection's place among all. */
export interface Place {
  /** Aborts when the relay ends the connection, or when the place is left. */
  readonly signal: AbortSignal;
  /** True once the connection has moved into a pipe, whose end then frees the place instead of the socket's. */
  carried: boolean;
  /** Frees the place; again changes nothing. */
  leave(): void;
}

export class Connections {
  readonly #max: number;
  readonly #open = new Set<AbortController>();
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A place, or undefined at the cap. */
  enter(): Place | undefined {
    if (this.#open.size >= this.#max) return undefined;
    const controller = new AbortController();
    this.#open.add(controller);
    return {
      signal: controller.signal,
      carried: false,
      leave: () => {
        if (!this.#open.delete(controller)) return;
        controller.abort();
        if (this.#open.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
      },
    };
  }

  /** Resolves once no connection is open. */
  empty(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends all connections; each leaves by itself. */
  abort(): void {
    for (const controller of this.#open) controller.abort();
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
