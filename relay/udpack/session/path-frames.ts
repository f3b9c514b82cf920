// PATH_CHALLENGE and PATH_RESPONSE that wait to be sent (docs/UDPACK.md section 9.2). Neither is repeated; a peer that
// challenges faster than it is answered gets the newest answers only.

import { UDPACK_STREAM_LIMITS } from "../../../shared/limits.ts";
import { NO_ROOM, writePath } from "../wire/frame-writers.ts";
import { FRAME } from "../wire/frames.ts";

export class PathFrames {
  #responses: Uint8Array[] = [];
  #challenge: Uint8Array | undefined;

  get hasWork(): boolean {
    return this.#challenge !== undefined || this.#responses.length > 0;
  }

  /** Asks the peer to repeat these 8 bytes; only the newest challenge is sent. */
  challenge(data: Uint8Array): void {
    this.#challenge = new Uint8Array(data);
  }

  /** The peer asks for these 8 bytes. */
  respond(data: Uint8Array): void {
    if (this.#responses.length >= UDPACK_STREAM_LIMITS.PATH_RESPONSES_MAX) this.#responses.shift();
    this.#responses.push(new Uint8Array(data));
  }

  /** Writes what has room; the offset behind it. */
  write(into: Uint8Array, offset: number): number {
    let at = offset;
    while (this.#responses[0]) {
      const end = writePath(into, at, FRAME.path_response, this.#responses[0]);
      if (end === NO_ROOM) return at;
      this.#responses.shift();
      at = end;
    }
    if (!this.#challenge) return at;
    const end = writePath(into, at, FRAME.path_challenge, this.#challenge);
    if (end === NO_ROOM) return at;
    this.#challenge = undefined;
    return end;
  }
}
