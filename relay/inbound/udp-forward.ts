// A UDP forward: datagrams of each source go to one fixed target from a socket of their own, so that answers find their way
// back. A session is a source address and port; it ends when nothing moves any more.

import type { RemoteInfo, Socket } from "node:dgram";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import { MeteredDatagrams } from "../limits/metered-datagrams.ts";
import type { Target } from "../outbound/outbound.ts";
import type { ListenerAddress } from "../outbound/policy.ts";
import type { Connections, Place } from "./connections.ts";
import { DatagramPort } from "./datagram-port.ts";
import type { Inbound, ListenAt } from "./inbound.ts";
import type { SessionHost, Wish } from "./session.ts";
import { type AddressList, isAllowed } from "./source-acl.ts";
import { listenForDatagrams, sendDatagram } from "./udp-socket.ts";

export interface UdpForwardOptions {
  readonly at: ListenAt;
  readonly target: Target;
  readonly allow: AddressList;
  readonly connections: Connections;
  readonly sessionsMax: number;
}

interface Session {
  readonly client: string;
  readonly flow: Flow;
  readonly port: DatagramPort;
  readonly place: Place;
  readonly meter: MeteredDatagrams | undefined;
  movedAt: number;
  /** Whether the target has ever answered: at the bound those that it has not give way. */
  answered: boolean;
}

export class UdpForward implements Inbound {
  readonly kind = "udp";
  readonly #options: UdpForwardOptions;
  readonly #host: SessionHost;
  readonly #sessions = new Map<string, Session>();
  /** Keys of sessions without an answer, the oldest first. */
  readonly #unanswered = new Set<string>();
  readonly #perClient = new Map<string, number>();
  #socket: Socket | undefined;
  #bound: ListenerAddress | undefined;
  #accepting = false;
  #sweep: NodeJS.Timeout | undefined;
  #idleMs: number;
  /** Sessions begun within the present second. */
  #begun = { since: Number.NEGATIVE_INFINITY, count: 0 };
  readonly #reportedAt = { failure: Number.NEGATIVE_INFINITY, refused: Number.NEGATIVE_INFINITY };

  constructor(options: UdpForwardOptions, host: SessionHost) {
    this.#options = options;
    this.#host = host;
    this.#idleMs = host.deps.idleTimeoutMs;
  }

  get address(): string {
    return this.#bound?.address ?? this.#options.at.host;
  }

  get port(): number {
    return this.#bound?.port ?? this.#options.at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(): Promise<void> {
    const socket = await listenForDatagrams(this.#options.at);
    this.#socket = socket;
    this.#bound = socket.address();
    this.#accepting = true;
    this.#sweepEvery(this.#idleMs / RELAY_LIMITS.IDLE_CHECKS);
    socket.on("message", (data, source) => this.#fromClient(data, source));
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  stopAccepting(): void {
    if (!this.#accepting) return;
    this.#accepting = false;
    this.#idleMs = Math.min(this.#idleMs, RELAY_LIMITS.UDP_DRAIN_IDLE_MS);
    this.#sweepEvery(this.#idleMs / RELAY_LIMITS.IDLE_CHECKS);
    const { address, port } = this;
    this.#host.deps.emit({ type: "listener_down", inbound: this.#host.deps.service, address, port });
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    this.#socket?.close();
    this.#socket = undefined;
  }

  #sweepEvery(ms: number): void {
    clearInterval(this.#sweep);
    this.#sweep = setInterval(() => this.#endIdle(), ms);
  }

  #fromClient(data: Buffer, source: RemoteInfo): void {
    const key = `${source.address} ${source.port}`;
    const session = this.#sessions.get(key) ?? this.#open(key, source);
    if (session === undefined) return;
    session.movedAt = performance.now();
    if (session.meter?.pass("up", data.length) === false) return;
    session.port.send(data, this.#options.target);
  }

  #open(key: string, source: RemoteInfo): Session | undefined {
    const client = canonicalIp(source.address.split("%")[0] ?? "");
    if (!this.#accepting || client === undefined) return undefined;
    const { limits } = this.#host.deps;
    if (limits.door.denies(client)) {
      this.#reportRefused(client, "the address is on the deny list");
      return undefined;
    }
    if (!isAllowed(this.#options.allow, client)) {
      this.#reportRefused(client, "the inbound does not serve this address");
      return undefined;
    }
    if (!this.#makeRoom(client) || !this.#isInRate(client)) return undefined;
    const place = this.#options.connections.enter();
    if (place === undefined) {
      this.#reportRefused(client, "the relay is at its connection limit");
      return undefined;
    }
    const { host, port } = this.#options.target;
    const wish: Wish = { kind: "udp", client, user: "", label: formatAuthority(host, port) };
    const tab = limits.meterClient(place, client);
    const session: Session = {
      client,
      flow: this.#host.open(wish),
      port: this.#portFor(key, source, wish, place),
      place,
      meter: tab && new MeteredDatagrams(tab),
      movedAt: performance.now(),
      answered: false,
    };
    session.flow.onCut = () => this.#end(key, "closed");
    // Leaving the place aborts it too, by when the session is gone.
    place.signal.addEventListener("abort", () => this.#end(key, "closed"));
    place.carried = true;
    this.#sessions.set(key, session);
    this.#unanswered.add(key);
    this.#perClient.set(client, (this.#perClient.get(client) ?? 0) + 1);
    return session;
  }

  #portFor(key: string, source: RemoteInfo, wish: Wish, place: Place): DatagramPort {
    return new DatagramPort(this.#host.deps.outbound, this.#host.dialOptions("", place.signal), {
      onSent: (data) => {
        const session = this.#sessions.get(key);
        if (session !== undefined) session.flow.up += data.length;
      },
      onReceived: (data, from) => {
        if (from.port === this.#options.target.port) this.#toClient(key, data, source);
      },
      onFailed: (_, error) => {
        const now = performance.now();
        if (now - this.#reportedAt.failure < RELAY_LIMITS.UDP_REPORT_INTERVAL_MS) return;
        this.#reportedAt.failure = now;
        this.#host.reportFailure(error, wish);
      },
    });
  }

  #toClient(key: string, data: Buffer, source: RemoteInfo): void {
    const session = this.#sessions.get(key);
    if (session === undefined || this.#socket === undefined) return;
    session.movedAt = performance.now();
    if (!session.answered) {
      session.answered = true;
      this.#unanswered.delete(key);
    }
    if (session.meter?.pass("down", data.length) === false) return;
    if (sendDatagram(this.#socket, data, source.port, source.address)) session.flow.down += data.length;
  }

  /** Whether one more session fits: anybody can send from invented sources, so sessions nobody answered give way. */
  #makeRoom(client: string): boolean {
    if ((this.#perClient.get(client) ?? 0) >= RELAY_LIMITS.UDP_SESSIONS_PER_SOURCE_MAX) {
      this.#reportRefused(client, "the address has too many sessions");
      return false;
    }
    if (this.#sessions.size < this.#options.sessionsMax) return true;
    const [oldest] = this.#unanswered;
    if (oldest === undefined) {
      this.#reportRefused(client, "all sessions of the inbound are in use");
      return false;
    }
    this.#end(oldest, "closed");
    return true;
  }

  /** Every session costs a socket and two events, and anybody can invent sources as fast as packets travel. */
  #isInRate(client: string): boolean {
    const now = performance.now();
    if (now - this.#begun.since >= 1_000) this.#begun = { since: now, count: 0 };
    if (++this.#begun.count <= RELAY_LIMITS.UDP_SESSIONS_PER_SECOND_MAX) return true;
    this.#reportRefused(client, "too many sessions begin at once");
    return false;
  }

  #endIdle(): void {
    const before = performance.now() - this.#idleMs;
    for (const [key, { movedAt }] of this.#sessions) if (movedAt <= before) this.#end(key, "idle");
  }

  #end(key: string, reason: CloseReason): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    const { client, flow, port, place, meter } = session;
    this.#sessions.delete(key);
    this.#unanswered.delete(key);
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, left);
    port.close();
    meter?.leave();
    this.#host.close(flow, reason);
    place.leave();
  }

  #reportRefused(client: string, why: string): void {
    const now = performance.now();
    if (now - this.#reportedAt.refused < RELAY_LIMITS.SOURCE_REPORT_INTERVAL_MS) return;
    this.#reportedAt.refused = now;
    this.#host.deps.emit({ type: "source_refused", ...this.#host.peer(client), why });
  }
}
