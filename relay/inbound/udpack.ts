// The UDP tunnel's server: listens, knows its clients by their keys, and serves the streams and datagrams of their sessions.
// It knows nothing of packets on the wire.

import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { Spool } from "../spool/spool.ts";
import type { CarrierServer, CarrierSession } from "../tunnel/carrier.ts";
import type { Connections, Place } from "./connections.ts";
import type { Inbound, ListenAt } from "./inbound.ts";
import type { SessionHost } from "./session.ts";
import { TunnelAssociations } from "./udpack-association.ts";
import { serveStream, type TunnelClientIdentity } from "./udpack-stream.ts";

/** A client of the configuration. */
export interface TunnelClientConfig {
  readonly name: string;
  /** The user's name; absent: none. */
  readonly user?: string | undefined;
}

/** Listens at `at` and tells of each session, with its client's name. @throws PortTakenError when the port is taken */
export type ListenCarrier = (
  at: ListenAt,
  onSession: (session: CarrierSession, client: string) => void,
) => Promise<CarrierServer>;

export interface UdpackOptions {
  readonly at: ListenAt;
  readonly clients: readonly TunnelClientConfig[];
  readonly connections: Connections;
  readonly sessionsMax: number;
  readonly spool: Spool;
  readonly listen: ListenCarrier;
}

export class UdpackInbound implements Inbound {
  readonly kind = "udpack";
  readonly #options: UdpackOptions;
  readonly #host: SessionHost;
  readonly #clients: ReadonlyMap<string, TunnelClientConfig>;
  #server: CarrierServer | undefined;
  #sessions = 0;
  #isAccepting = false;
  #fullReportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: UdpackOptions, host: SessionHost) {
    this.#options = options;
    this.#host = host;
    this.#clients = new Map(options.clients.map((client) => [client.name, client]));
  }

  get address(): string {
    return this.#server?.address ?? this.#options.at.host;
  }

  get port(): number {
    return this.#server?.port ?? this.#options.at.port;
  }

  /** @throws PortTakenError when the port is taken; Error when spool files cannot be kept */
  async start(): Promise<void> {
    const { at, spool, listen } = this.#options;
    await spool.open();
    this.#server = await listen(at, (session, client) => this.#serve(session, client));
    this.#isAccepting = true;
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  stopAccepting(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    const { address, port } = this;
    this.#server?.stopAccepting();
    this.#host.deps.emit({ type: "listener_down", inbound: this.#host.deps.service, address, port });
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  #serve(session: CarrierSession, name: string): void {
    const client = this.#clients.get(name);
    const address = addressOf(session);
    const { limits, emit } = this.#host.deps;
    if (client === undefined || limits.door.denies(address)) {
      session.end("refused");
      return;
    }
    if (this.#sessions >= this.#options.sessionsMax) {
      this.#reportFull(address);
      session.end("limit");
      return;
    }
    this.#sessions++;
    const openedAt = Date.now();
    const facts = { ...this.#host.peer(address), name };
    emit({ type: "session_opened", ...facts });
    const { service, tunnels } = this.#host.deps;
    const over = tunnels.open({ role: "server", service, name }, openedAt, session.stats);
    session.on("close", () => {
      over();
      this.#sessions--;
      emit({ type: "session_closed", ...facts, durationMs: Date.now() - openedAt });
    });
    this.#serveStreams(session, client);
  }

  #serveStreams(session: CarrierSession, { user = "" }: TunnelClientConfig): void {
    const { connections, spool } = this.#options;
    const associations = new TunnelAssociations(this.#host, (association, from, data) =>
      session.sendDatagram(association, from, data),
    );
    session.on("datagram", (association, to, data) => associations.onDatagram(association, to, data));
    const settings = {
      connections: { enter: (): Place | undefined => (this.#isAccepting ? connections.enter() : undefined) },
      spooled: spool.of.bind(spool),
      associate: associations.serve.bind(associations),
      onFull: (address: string) => this.#reportFull(address),
    };
    session.on("stream", (stream) => {
      const identity: TunnelClientIdentity = { address: addressOf(session), user };
      void serveStream(stream, identity, this.#host, settings);
    });
  }

  #reportFull(address: string): void {
    const now = performance.now();
    if (!this.#isAccepting || now - this.#fullReportedAt < RELAY_LIMITS.FULL_REPORT_INTERVAL_MS) return;
    this.#fullReportedAt = now;
    this.#host.deps.emit({ type: "connections_full", ...this.#host.peer(address) });
  }
}

function addressOf({ remote }: CarrierSession): string {
  return canonicalIp(remote.host) ?? remote.host;
}
