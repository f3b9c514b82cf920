// What a client sends while its target is dialled. It is read on meanwhile, or nobody would notice that the client leaves.

import type { Socket } from "node:net";
import { RELAY_LIMITS } from "../../shared/limits.ts";

export interface EarlyDataOptions {
  /** What the end of a client means that has sent nothing yet: `leaving` wants no answer, `half_close` waits for one. */
  readonly earlyEnd: "leaving" | "half_close";
}

export class EarlyData {
  readonly #socket: Socket;
  readonly #earlyEnd: EarlyDataOptions["earlyEnd"];
  readonly #parts: Buffer[];
  #bytes: number;

  /** Reads `socket` until `take`; `first` came with the handshake. */
  constructor(socket: Socket, first: Buffer, options: EarlyDataOptions = { earlyEnd: "leaving" }) {
    this.#socket = socket;
    this.#earlyEnd = options.earlyEnd;
    this.#parts = [first];
    this.#bytes = first.length;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    if (this.#bytes < RELAY_LIMITS.EARLY_BYTES_MAX) socket.resume();
  }

  /** Stops reading; everything that came, for the target. */
  take(): Buffer {
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.pause();
    return Buffer.concat(this.#parts);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= RELAY_LIMITS.EARLY_BYTES_MAX) this.#socket.pause();
  };

  /** An end behind data is a half-close, for the pipe to pass on. Who ends before saying anything wants no answer. */
  readonly #onEnd = (): void => {
    if (this.#bytes === 0 && this.#earlyEnd === "leaving") this.#socket.destroy();
  };
}
