// Joins a client's and an upstream's WebSocket: messages in order, they and their payload counted, closes handed on. The
// runtime gives a pump no back-pressure, so a side that does not read is cut off before its backlog fills the isolate.
// No runtime call cuts a connection, though: what was unsent stays in memory until that side reads on or goes, and for
// so long the pump does not end, so that whatever bounds the number of pumps bounds these backlogs, too.

import type { CloseReason } from "../../shared/flow/flow.ts";
import { utf8Length } from "../../shared/http/utf8-length.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import { GOING_AWAY, relayedClose, type SocketClose } from "../../shared/net/close-code.ts";

type Side = "client" | "upstream";

export interface PumpOptions {
  readonly client: WebSocket;
  readonly upstream: WebSocket;
  /** Without a message either way for this long both sides are closed 1001. */
  readonly idleMs: number;
  /** A message that came from `side` was passed on; `bytes` of payload, text as UTF-8. */
  readonly onMessage: (side: Side, bytes: number) => void;
  /** Told every ten seconds, so that a silent socket stays in the stats. */
  readonly onTick: () => void;
  /** Told once, when nothing more will move. */
  readonly onEnd: (reason: CloseReason) => void;
}

interface Peer {
  readonly socket: WebSocket;
  /** What it has told about its own end: code and reason, or that it broke. */
  ended: boolean;
  /** A close was sent to it: nothing else may follow. */
  closed: boolean;
  /** Its connection broke: nothing is kept for it. */
  gone: boolean;
}

/** Starts pumping; both sockets must be fresh. */
export function pumpSockets(options: PumpOptions): void {
  new Pump(options).start();
}

class Pump {
  readonly #options: PumpOptions;
  readonly #peers: Readonly<Record<Side, Peer>>;
  #lastMessageAt = Date.now();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #reason: CloseReason | undefined;
  /** Nothing more will move. */
  #over = false;
  /** The end was told. */
  #released = false;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#peers = {
      client: { socket: options.client, ended: false, closed: false, gone: false },
      upstream: { socket: options.upstream, ended: false, closed: false, gone: false },
    };
  }

  start(): void {
    this.#attach("client", "upstream");
    this.#attach("upstream", "client");
    this.#waitIdle(this.#options.idleMs);
  }

  #attach(from: Side, to: Side): void {
    const { socket } = this.#peers[from];
    // Half-open, so that the far side's own answer to a close can be handed back instead of the runtime's.
    socket.binaryType = "arraybuffer";
    socket.accept({ allowHalfOpen: true });
    socket.addEventListener("message", (event) => this.#pass(from, to, event.data));
    socket.addEventListener("close", (event) => this.#ended(from, to, event.code, event.reason));
    socket.addEventListener("error", () => this.#ended(from, to, 1006, ""));
  }

  #pass(from: Side, to: Side, data: string | ArrayBuffer): void {
    const bytes = typeof data === "string" ? utf8Length(data) : data.byteLength;
    this.#lastMessageAt = Date.now();
    const target = this.#peers[to];
    if (target.closed || target.ended) return;
    // Asked before sending: one message may be larger than the bound and still pass a side that reads.
    if (target.socket.bufferedAmount > PROXY_LIMITS.SOCKET_BUFFER_BYTES) {
      this.#closeBoth({ code: 1013, reason: `${to} reads too slowly` }, "closed");
      return;
    }
    try {
      target.socket.send(data);
    } catch {
      this.#ended(to, from, 1006, "");
      return;
    }
    this.#options.onMessage(from, bytes);
  }

  /** `from` has closed or broken: the other side hears of it, and its answer ends the pump. */
  #ended(from: Side, to: Side, code: number, reason: string): void {
    const peer = this.#peers[from];
    const broken = code === 1006;
    if (broken) peer.gone = true;
    if (this.#over) this.#release();
    if (this.#over || peer.ended) return;
    peer.ended = true;
    if (broken) peer.closed = true;
    this.#reason ??= broken ? (from === "client" ? "aborted" : "failed") : "done";
    this.#close(this.#peers[to], relayedClose(code, reason, from));
    if (this.#peers[to].ended) this.#finish();
    else this.#awaitAnswer(peer, relayedClose(code, reason, from));
  }

  /** A side that never answers must not hold the other one open: after a while that gets its own code back. */
  #awaitAnswer(peer: Peer, own: SocketClose): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#close(peer, own);
      this.#finish();
    }, PROXY_LIMITS.SOCKET_CLOSE_WAIT_MS);
  }

  #closeBoth(close: SocketClose, reason: CloseReason): void {
    this.#reason ??= reason;
    this.#close(this.#peers.client, close);
    this.#close(this.#peers.upstream, close);
    this.#finish();
  }

  #close(peer: Peer, { code, reason }: SocketClose): void {
    if (peer.closed) return;
    peer.closed = true;
    try {
      if (code === undefined) peer.socket.close();
      else peer.socket.close(code, reason);
    } catch {
      // Already gone: its own event tells, or has told.
    }
  }

  #waitIdle(left: number): void {
    this.#timer = setTimeout(() => this.#checkIdle(), Math.min(left, PROXY_LIMITS.SOCKET_TICK_MS));
  }

  #checkIdle(): void {
    const left = this.#lastMessageAt + this.#options.idleMs - Date.now();
    if (left <= 0) {
      this.#closeBoth({ code: GOING_AWAY, reason: "idle" }, "idle");
      return;
    }
    this.#options.onTick();
    this.#waitIdle(left);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
  }

  /** Tells the end as soon as neither side has anything unsent. */
  #release(): void {
    if (this.#released) return;
    clearTimeout(this.#timer);
    if (holdsMemory(this.#peers.client) || holdsMemory(this.#peers.upstream)) {
      this.#options.onTick();
      this.#timer = setTimeout(() => this.#release(), PROXY_LIMITS.SOCKET_TICK_MS);
      return;
    }
    this.#released = true;
    this.#options.onEnd(this.#reason ?? "done");
  }
}

function holdsMemory({ socket, gone }: Peer): boolean {
  return !gone && socket.bufferedAmount > 0;
}
