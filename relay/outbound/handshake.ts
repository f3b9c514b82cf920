// Runs the client side of a proxy's handshake on a connected socket. The machine knows the protocol and no socket; this file
// knows the socket and no protocol.

import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";

/** What a machine made of the proxy's bytes. */
export type HandshakeStep =
  /** Too few bytes yet; `send` goes to the proxy. */
  | { readonly type: "more"; readonly send?: Uint8Array }
  /** The way to the target is open; `rest` are the target's first bytes. */
  | { readonly type: "open"; readonly rest: Buffer }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly why: string };

/** Fed with a proxy's bytes in any pieces. Bounded: it fails rather than to hold what no handshake needs. */
export interface ClientMachine {
  /** The bytes that open the handshake. */
  start(): Uint8Array;
  feed(chunk: Buffer): HandshakeStep;
}

export interface HandshakeOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Resolves, with the same socket paused, once the way to the target is open; what the target has said by then is read from
 * it first. A socket whose handshake fails is destroyed.
 * @throws CausewayError with the machine's code, `proxy_failed` when the proxy hangs up, `dial_timeout` when it is too slow
 */
export function shakeHands(
  socket: Socket,
  machine: ClientMachine,
  { signal, timeoutMs }: HandshakeOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const lose = (code: ErrorCode, why: string): void => {
      release();
      socket.destroy();
      reject(new CausewayError(code, why));
    };
    const deadline = setTimeout(() => lose("dial_timeout", "The upstream proxy took too long"), timeoutMs);
    const onAbort = (): void => lose("dial_failed", "The dial was given up");
    const onEnd = (): void => lose("proxy_failed", "The upstream proxy hung up");
    const onData = (chunk: Buffer): void => {
      const step = machine.feed(chunk);
      if (step.type === "failed") lose(step.code, `The upstream proxy refused: ${step.why}`);
      else if (step.type === "more") {
        if (step.send !== undefined) socket.write(step.send);
      } else {
        release();
        socket.pause();
        if (step.rest.length > 0) socket.unshift(step.rest);
        resolve(socket);
      }
    };
    const release = (): void => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", onAbort);
      socket.off("data", onData).off("end", onEnd).off("close", onEnd);
    };
    socket.on("data", onData).on("end", onEnd).on("close", onEnd);
    // Stays for good: an error before the new owner's own listener would end the process. `close` follows it.
    socket.on("error", () => undefined);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) return onAbort();
    if (socket.destroyed) return onEnd();
    socket.write(machine.start());
    socket.resume();
  });
}
