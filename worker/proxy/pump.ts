// Joins a client's and an upstream's WebSocket: messages in order, they and their payload counted, closes handed on. The
// runtime gives a pump no back-pressure, so a side that does not read is cut off before its backlog fills the isolate.
// No runtime call cuts a connection, though: what was unsent stays in memory until that side reads on or goes, and a client
// that never answers a close stays connected. For so long the pump does not end, so that whatever bounds the number of pumps
// bounds these, too.

import type { CloseReason } from "../../shared/flow/flow.ts";
import { utf8Length } from "../../shared/http/utf8-length.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import {
  ABNORMAL,
  GOING_AWAY,
  NO_STATUS,
  POLICY_VIOLATION,
  relayedClose,
  type SocketClose,
  TRY_AGAIN_LATER,
} from "../../shared/net/close-code.ts";

type Side = "client" | "upstream";

/** How a pump ended. */
export interface PumpEnd {
  readonly reason: CloseReason;
  /** The close code of it: what the side that ended said (1005: nothing), or what the other one was told instead of 1006. */
  readonly code: number;
  /** Who ended it. */
  readonly by: Side | "edge";
}

export interface PumpOptions {
  readonly client: WebSocket;
  readonly upstream: WebSocket;
  /** Without a message either way for this long both sides are closed 1001. */
  readonly idleMs: number;
  /** Resolves, to what both sides are told, when the sockets are to be closed by order; must be of this context. */
  readonly cut?: Promise<string>;
  /** A message that came from `side` was passed on at `now`; `bytes` of payload, text as UTF-8. */
  readonly onMessage: (side: Side, bytes: number, now: number) => void;
  /** Told every ten seconds, so that a silent socket stays in the stats. */
  readonly onTick: () => void;
  /** Told once, when nothing more will move and nothing is held for it any more. */
  readonly onEnd: (end: PumpEnd) => void;
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

type SocketEnd = Pick<CloseEvent, "code" | "reason" | "wasClean">;

const BROKEN: SocketEnd = { code: ABNORMAL, reason: "", wasClean: false };

/** Starts pumping; both sockets must be fresh. */
export function pumpSockets(options: PumpOptions): void {
  new Pump(options).start();
}

class Pump {
  readonly #options: PumpOptions;
  readonly #peers: Readonly<Record<Side, Peer>>;
  #lastMessageAt = Date.now();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The first end is what counts. */
  #end: PumpEnd | undefined;
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
    void this.#options.cut?.then((reason) => {
      if (!this.#over) this.#closeBoth({ code: POLICY_VIOLATION, reason }, "closed");
    });
    this.#waitIdle(this.#options.idleMs);
  }

  #attach(from: Side, to: Side): void {
    const { socket } = this.#peers[from];
    // Half-open, so that the far side's own answer to a close can be handed back instead of the runtime's.
    socket.binaryType = "arraybuffer";
    socket.accept({ allowHalfOpen: true });
    socket.addEventListener("message", (event) => this.#pass(from, to, event.data));
    socket.addEventListener("close", (event) => this.#ended(from, to, event));
    socket.addEventListener("error", () => this.#ended(from, to, BROKEN));
  }

  #pass(from: Side, to: Side, data: string | ArrayBuffer): void {
    const bytes = typeof data === "string" ? utf8Length(data) : data.byteLength;
    const now = Date.now();
    this.#lastMessageAt = now;
    const target = this.#peers[to];
    if (target.closed || target.ended) return;
    // Asked before sending: one message may be larger than the bound and still pass a side that reads.
    if (target.socket.bufferedAmount > PROXY_LIMITS.SOCKET_BUFFER_BYTES) {
      this.#closeBoth({ code: TRY_AGAIN_LATER, reason: `${to} reads too slowly` }, "closed");
      return;
    }
    try {
      target.socket.send(data);
    } catch {
      this.#ended(to, from, BROKEN);
      return;
    }
    this.#options.onMessage(from, bytes, now);
  }

  /** `from` has closed or broken: the other side hears of it, and its answer ends the pump. */
  #ended(from: Side, to: Side, { code, reason, wasClean }: SocketEnd): void {
    const peer = this.#peers[from];
    // A peer may name the code that stands for a broken connection, and keep its connection.
    const broken = code === ABNORMAL && !wasClean;
    const isNews = !peer.ended;
    peer.ended = true;
    if (broken) peer.gone = true;
    if (this.#over) this.#release();
    if (this.#over || !isNews) return;
    if (broken) peer.closed = true;
    const relayed = relayedClose(code, reason, from);
    this.#end ??= {
      reason: broken ? (from === "client" ? "aborted" : "failed") : "done",
      code: relayed.code ?? NO_STATUS,
      by: from,
    };
    this.#close(this.#peers[to], relayed);
    if (this.#peers[to].ended) this.#finish();
    else this.#awaitAnswer(peer, relayed);
  }

  /** A side that never answers must not hold the other one open: after a while that gets its own code back. */
  #awaitAnswer(peer: Peer, own: SocketClose): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#close(peer, own);
      this.#finish();
    }, PROXY_LIMITS.SOCKET_CLOSE_WAIT_MS);
  }

  #closeBoth(close: SocketClose & { code: number }, reason: CloseReason): void {
    this.#end ??= { reason, code: close.code, by: "edge" };
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

  /** Tells the end as soon as neither side has anything unsent and the client has answered. */
  #release(): void {
    if (this.#released) return;
    clearTimeout(this.#timer);
    const { client, upstream } = this.#peers;
    if (!client.ended || holdsMemory(client) || holdsMemory(upstream)) {
      this.#options.onTick();
      this.#timer = setTimeout(() => this.#release(), PROXY_LIMITS.SOCKET_TICK_MS);
      return;
    }
    this.#released = true;
    this.#options.onEnd(this.#end ?? { reason: "done", code: NO_STATUS, by: "edge" });
  }
}

function holdsMemory({ socket, gone }: Peer): boolean {
  return !gone && socket.bufferedAmount > 0;
}
