// The relay's control link to the edge: owns the WebSocket, the timers and the ledger's batches, and runs what the state
// machine in machine.ts decides. Totals survive any loss of the edge, because the ledger keeps what is unacknowledged.

import WebSocket from "ws";
import type { Answer, Order } from "../../shared/control/orders.ts";
import type { Ledger } from "../../shared/flow/ledger.ts";
import {
  EdgeMessageSchema,
  LINK_SUBPROTOCOL,
  parseLinkMessage,
  type RelayMessage,
} from "../../shared/flow/link.ts";
import { LINK_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { TunnelStats } from "../metrics/stats.ts";
import {
  initialLink,
  type LinkAction,
  type LinkEvent,
  type LinkReport,
  type LinkTimer,
  stepLink,
} from "./machine.ts";
import { TunnelNews } from "./tunnel-news.ts";

/** What the link needs of a logger; pino's fits. */
export interface LinkLog {
  info(facts: object): void;
  warn(facts: object): void;
}

export interface LinkOptions {
  /** The edge's base URL, as in `ws://127.0.0.1:8787`. */
  edge: string;
  token: string;
  /** The relay's name at the edge. */
  name: string;
  ledger: Ledger;
  /** Listeners shown on the dashboard, as they are now. */
  inbounds: () => readonly { kind: string; address: string; port: number }[];
  /** Sessions of UDP tunnels, as they are now. */
  tunnels: () => readonly TunnelStats[];
  /** Carries an order of the edge out; must not reject. */
  obey: (order: Order) => Promise<Answer>;
  version: string;
  log: LinkLog;
}

export interface Link {
  /** Sends what is unreported, waits at most 5 s for its acknowledgement, and closes. Never rejects. */
  stop(): Promise<void>;
  /** What listens has changed: the edge is told. */
  changed(): void;
  /** Whether it is up, and how often it came up. */
  readonly stats: { readonly connected: boolean; readonly connects: number };
}

/** Starts the link; it connects, and reconnects, by itself until stopped. */
export function startLink(options: LinkOptions): Link {
  return new RelayLink(options);
}

function listener({ kind, address, port }: ReturnType<LinkOptions["inbounds"]>[number]): string {
  return `${kind} ${formatAuthority(address, port)}`;
}

class RelayLink implements Link {
  readonly #options: LinkOptions;
  readonly #timers = new Map<LinkTimer, NodeJS.Timeout>();
  readonly #finished = Promise.withResolvers<void>();
  readonly #tunnels = new TunnelNews();
  #state = initialLink();
  #connects = 0;
  #socket: WebSocket | undefined;
  /** Why the edge refused the upgrade, until the close that follows. */
  #refusal = "";

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#handle({ type: "start" });
  }

  stop(): Promise<void> {
    this.#handle({ type: "stop", unreported: this.#options.ledger.unreported });
    return this.#finished.promise;
  }

  changed(): void {
    this.#handle({ type: "changed" });
  }

  get stats() {
    return { connected: this.#state.phase === "up", connects: this.#connects };
  }

  #handle(event: LinkEvent): void {
    const { state, actions } = stepLink(this.#state, event, Math.random());
    this.#state = state;
    for (const action of actions) this.#run(action);
  }

  #run(action: LinkAction): void {
    switch (action.do) {
      case "connect":
        this.#connect();
        break;
      case "send_hello":
        this.#hello();
        break;
      case "send_ping":
        this.#socket?.send("ping");
        break;
      case "flush":
        this.#flush(action.last);
        break;
      case "refresh":
        this.#options.ledger.refresh();
        break;
      case "acknowledge":
        this.#options.ledger.acknowledge(action.seq);
        break;
      case "obey":
        void this.#obey(action.id, action.order);
        break;
      case "answer":
        this.#send({ type: "answer", id: action.id, answer: action.answer });
        break;
      case "send_inbounds":
        this.#send({ type: "inbounds", inbounds: this.#named() });
        break;
      case "drop":
        this.#drop(action.code, action.reason);
        break;
      case "set":
        this.#set(action.timer, action.ms);
        break;
      case "clear":
        for (const timer of action.timers) clearTimeout(this.#timers.get(timer));
        break;
      case "report":
        this.#report(action.event);
        break;
      case "finish":
        this.#finished.resolve();
        break;
    }
  }

  #connect(): void {
    const { edge, token } = this.#options;
    const bearer = `bearer.${Buffer.from(token).toString("base64url")}`;
    const socket = new WebSocket(new URL("/relay/connect", edge), [LINK_SUBPROTOCOL, bearer], {
      maxPayload: LINK_LIMITS.REPLY_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    this.#refusal = "";
    // A socket that was dropped may still speak; only the current one is heard.
    const ifCurrent = (event: () => LinkEvent) => {
      if (this.#socket === socket) this.#handle(event());
    };
    socket.on("open", () => ifCurrent(() => ({ type: "opened" })));
    socket.on("message", (data, binary) => ifCurrent(() => read(String(data), binary)));
    socket.on("error", (error) => {
      if (this.#socket === socket) this.#refusal = error.message;
    });
    socket.on("close", (code, reason) =>
      ifCurrent(() => {
        this.#socket = undefined;
        return { type: "closed", code, reason: String(reason) || this.#refusal };
      }),
    );
  }

  #hello(): void {
    const { name, version, ledger } = this.#options;
    this.#send({ type: "hello", name, source: ledger.source, version, inbounds: this.#named() });
    this.#tunnels.forget();
  }

  #named(): string[] {
    return this.#options.inbounds().slice(0, LINK_LIMITS.INBOUNDS_MAX).map(listener);
  }

  async #obey(id: string, order: Order): Promise<void> {
    this.#handle({ type: "obeyed", id, answer: await this.#options.obey(order) });
  }

  #flush(last: boolean): void {
    const tunnels = this.#tunnels.next(this.#options.tunnels, performance.now());
    if (tunnels !== undefined) this.#send({ type: "tunnels", tunnels });
    const batch = this.#options.ledger.seal(Date.now(), last);
    if (batch) {
      this.#send({ type: "batch", batch });
      this.#handle({ type: "sealed", seq: batch.seq, last: batch.last });
    } else {
      this.#handle({ type: "nothing" });
    }
  }

  #send(message: RelayMessage): void {
    // An error of the socket ends in its close event; the batch stays with the ledger until acknowledged.
    this.#socket?.send(JSON.stringify(message), () => undefined);
  }

  #drop(code: number, reason: string): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    // ws reports a handshake cut short as an error; nobody is interested any more.
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    if (code === 1000 && socket.readyState === WebSocket.OPEN) socket.close(code, reason);
    else socket.terminate();
  }

  #set(timer: LinkTimer, ms: number): void {
    clearTimeout(this.#timers.get(timer));
    const expire = () => this.#handle({ type: "timer", timer });
    this.#timers.set(timer, setTimeout(expire, ms));
  }

  #report(event: LinkReport): void {
    const { edge, log } = this.#options;
    if (event.type === "link_up") {
      this.#connects++;
      log.info({ event: event.type, edge });
    } else {
      const { type, code, reason, retryMs } = event;
      log.warn({ event: type, edge, code, reason, retry_ms: retryMs });
    }
  }
}

function read(text: string, binary: boolean): LinkEvent {
  if (!binary && text === "pong") return { type: "pong" };
  const message = binary ? undefined : parseLinkMessage(EdgeMessageSchema, text);
  return message ? { type: "message", message } : { type: "malformed" };
}
