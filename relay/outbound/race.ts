// The staggered race of a dial (RFC 8305): addresses are tried in order, each with a head start over the next, and attempts
// under way stay alive until one connects. Node's own (autoSelectFamily) closes each attempt at its turn's end.

import { connect, type Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { dialErrorCode } from "./outbound.ts";

export interface RaceOptions {
  readonly signal: AbortSignal;
  readonly delayMs: number;
  /** For the whole race. */
  readonly timeoutMs: number;
  /** Begins one attempt; the socket emits `connect` or `error`. */
  readonly open: (address: string, port: number) => Socket;
}

/** Which failure of several is reported: the one that says most about the target. */
const TELLING: readonly ErrorCode[] = [
  "connection_refused",
  "dial_timeout",
  "target_unreachable",
  "network_unreachable",
  "dial_failed",
];

/**
 * Connects to the first of `addresses` (literals) that answers; the socket comes paused.
 * @throws CausewayError with a code of `dialErrorCode`
 */
export function raceToConnect(
  addresses: readonly string[],
  port: number,
  options: RaceOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => new Race(addresses, port, options, resolve, reject).next());
}

class Race {
  readonly #waiting: string[];
  readonly #port: number;
  readonly #options: RaceOptions;
  readonly #resolve: (socket: Socket) => void;
  readonly #reject: (error: CausewayError) => void;
  readonly #attempts = new Set<Socket>();
  readonly #failures: ErrorCode[] = [];
  readonly #deadline: NodeJS.Timeout;
  #turn: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    addresses: readonly string[],
    port: number,
    options: RaceOptions,
    resolve: (socket: Socket) => void,
    reject: (error: CausewayError) => void,
  ) {
    this.#waiting = [...addresses];
    this.#port = port;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = setTimeout(() => this.#lose("dial_timeout"), options.timeoutMs);
    options.signal.addEventListener("abort", this.#onAbort);
    if (options.signal.aborted) this.#onAbort();
  }

  /** Starts the next attempt; the race is lost when there is none and none is under way. */
  next(): void {
    clearTimeout(this.#turn);
    if (this.#over) return;
    const address = this.#waiting.shift();
    if (address !== undefined) {
      this.#attempt(address);
      if (this.#waiting.length > 0) this.#turn = setTimeout(() => this.next(), this.#options.delayMs);
    } else if (this.#attempts.size === 0) {
      this.#lose(TELLING.find((code) => this.#failures.includes(code)) ?? "dial_failed");
    }
  }

  #attempt(address: string): void {
    const socket = this.#options.open(address, this.#port);
    this.#attempts.add(socket);
    socket.pause();
    // Stays for good: an error between the connect and the new owner's own listener would end the process.
    const onError = (error: Error): void => {
      this.#attempts.delete(socket);
      this.#failures.push(dialErrorCode(error));
      this.next();
    };
    socket.on("error", onError);
    socket.once("connect", () => {
      this.#attempts.delete(socket);
      this.#end();
      this.#resolve(socket);
    });
  }

  readonly #onAbort = (): void => this.#lose("dial_failed");

  #lose(code: ErrorCode): void {
    this.#end();
    this.#reject(new CausewayError(code));
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#turn);
    clearTimeout(this.#deadline);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const socket of this.#attempts) socket.destroy();
    this.#attempts.clear();
  }
}

function openSocket(host: string, port: number): Socket {
  return connect({ host, port, allowHalfOpen: true, noDelay: true, autoSelectFamily: false });
}

/** The house's race. */
export const RACE_DEFAULTS = {
  open: openSocket,
  delayMs: RELAY_LIMITS.RACE_DELAY_MS,
  timeoutMs: RELAY_LIMITS.CONNECT_TIMEOUT_MS,
} as const;
