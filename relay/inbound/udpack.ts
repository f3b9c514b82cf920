// The UDP tunnel's server: listens, knows its clients by their keys, and serves the streams and datagrams of their sessions.
// It knows nothing of packets on the wire.

import type { InboundConfig } from "../../shared/config/schema.ts";
import { RELAY_LIMITS, UDPACK_TUNNEL_LIMITS } from "../../shared/limits.ts";
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
  readonly public_key: string;
  /** The user's name; absent: none. */
  readonly user?: string | undefined;
}

/** Whom a listening carrier asks and tells. */
export interface CarrierEvents {
  /** The name of the client with this key; undefined: it may not connect. */
  nameOf(publicKey: string): string | undefined;
  /** A session has begun, of the client of that name. */
  onSession(session: CarrierSession, client: string): void;
  /** Somebody asked with a key that no client has; neither the key nor the address is proven. */
  onStranger(publicKey: string, address: string): void;
}

/** Listens at `at`. @throws PortTakenError when the port is taken */
export type ListenCarrier = (at: ListenAt, events: CarrierEvents) => Promise<CarrierServer>;

export interface UdpackOptions {
  readonly at: ListenAt;
  readonly clients: readonly TunnelClientConfig[];
  /** Its clients in another configuration; undefined: it is not in there as it is. */
  readonly clientsIn: (inbounds: readonly InboundConfig[]) => readonly TunnelClientConfig[] | undefined;
  readonly connections: Connections;
  readonly sessionsMax: number;
  readonly spool: Spool;
  readonly listen: ListenCarrier;
}

export class UdpackInbound implements Inbound {
  readonly kind = "udpack";
  readonly #options: UdpackOptions;
  readonly #host: SessionHost;
  /** By public key. */
  #clients: ReadonlyMap<string, TunnelClientConfig>;
  #server: CarrierServer | undefined;
  /** Open sessions, and whose they are. */
  readonly #sessions = new Map<CarrierSession, TunnelClientConfig>();
  #isAccepting = false;
  #fullReportedAt = Number.NEGATIVE_INFINITY;
  #strangerReportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: UdpackOptions, host: SessionHost) {
    this.#options = options;
    this.#host = host;
    this.#clients = byKey(options.clients);
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
    this.#server = await listen(at, {
      nameOf: (publicKey) => this.#clients.get(publicKey)?.name,
      onSession: (session, client) => this.#serve(session, client),
      onStranger: (publicKey, address) => this.#reportStranger(publicKey, address),
    });
    this.#isAccepting = true;
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  /** Clients come and go; those that stay notice nothing. */
  refresh(inbounds: readonly InboundConfig[]): void {
    const clients = this.#options.clientsIn(inbounds);
    if (clients === undefined) return;
    this.#clients = byKey(clients);
    for (const [session, { name, public_key, user }] of this.#sessions) {
      const now = this.#clients.get(public_key);
      if (now?.name !== name || now.user !== user) session.end("refused");
    }
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
    const client = [...this.#clients.values()].find((known) => known.name === name);
    const address = addressOf(session);
    const { limits, emit } = this.#host.deps;
    if (client === undefined || limits.door.denies(address)) {
      session.end("refused");
      return;
    }
    if (this.#sessions.size >= this.#options.sessionsMax) {
      this.#reportFull(address);
      session.end("limit");
      return;
    }
    this.#sessions.set(session, client);
    const openedAt = Date.now();
    const facts = { ...this.#host.peer(address), name };
    emit({ type: "session_opened", ...facts });
    const { service, tunnels } = this.#host.deps;
    const over = tunnels.open({ role: "server", service, name }, openedAt, session.stats);
    session.on("close", () => {
      over();
      this.#sessions.delete(session);
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

  #reportStranger(publicKey: string, address: string): void {
    const now = performance.now();
    if (now - this.#strangerReportedAt < UDPACK_TUNNEL_LIMITS.STRANGER_REPORT_INTERVAL_MS) return;
    this.#strangerReportedAt = now;
    const client = canonicalIp(address) ?? address;
    this.#host.deps.emit({ type: "client_unknown", ...this.#host.peer(client), publicKey });
  }

  #reportFull(address: string): void {
    const now = performance.now();
    if (!this.#isAccepting || now - this.#fullReportedAt < RELAY_LIMITS.FULL_REPORT_INTERVAL_MS) return;
    this.#fullReportedAt = now;
    this.#host.deps.emit({ type: "connections_full", ...this.#host.peer(address) });
  }
}

function byKey(clients: readonly TunnelClientConfig[]): ReadonlyMap<string, TunnelClientConfig> {
  return new Map(clients.map((client) => [client.public_key, client]));
}

function addressOf({ remote }: CarrierSession): string {
  return canonicalIp(remote.host) ?? remote.host;
}
