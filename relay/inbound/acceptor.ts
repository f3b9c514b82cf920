// The door of every TCP inbound: it gives each connection a place, learns who is behind a load balancer, turns sources away
// that the inbound does not serve, and holds clients to the handshake's deadline. It knows no protocol behind the door.

import type { Socket } from "node:net";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { Connections, Place } from "./connections.ts";
import { decodeProxyHeader, type ProxiedConnection } from "./proxy-protocol.ts";
import type { SessionHost } from "./session.ts";
import type { Endpoint } from "./socks-machine.ts";
import { type AddressList, isAllowed } from "./source-acl.ts";

const NOT_SERVED = "the inbound does not serve this address";
const DENIED = "the address is on the deny list";

/** A client that was let in. */
export interface Arrival {
  readonly socket: Socket;
  /** Who it is: the peer, or who the load balancer says. */
  readonly source: Endpoint;
  /** Where it wanted to go: this listener, or the load balancer's. */
  readonly destination: Endpoint;
  readonly place: Place;
  /** Ends the handshake's deadline. */
  readonly disarm: () => void;
  /** Says that the client has spoken: at shutdown it is then waited for. */
  readonly heard: () => void;
}

export interface AcceptorOptions {
  readonly connections: Connections;
  /** Which clients are served; empty: all. */
  readonly allow: AddressList;
  /** Peers that begin with a PROXY protocol header. */
  readonly from: AddressList;
  /** Whether the clients are the edge's, which bounds them itself. */
  readonly isForEdge?: boolean;
}

export class Acceptor {
  readonly #host: SessionHost;
  readonly #options: AcceptorOptions;
  /** Sockets that have not said anything yet: nobody waits for them at shutdown. */
  readonly #silent = new Set<Socket>();
  #fullReportedAt = Number.NEGATIVE_INFINITY;
  #refusedReportedAt = Number.NEGATIVE_INFINITY;

  constructor(host: SessionHost, options: AcceptorOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Calls `serve` with the client once it is known and let in; turned away ones are destroyed. */
  accept(socket: Socket, serve: (arrival: Arrival) => void): void {
    const peer = canonicalIp(socket.remoteAddress ?? "");
    // Errors end the socket, which is all that matters here; the pipe listens for itself.
    socket.on("error", () => undefined);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const { from, connections } = this.#options;
    const isBalancer = from.has(peer);
    const why = this.#refusalOf(peer, isBalancer);
    if (why !== undefined) {
      this.#turnAway(socket, peer, why);
      return;
    }
    const place = connections.enter();
    if (place === undefined) {
      this.#reportFull(peer);
      socket.destroy();
      return;
    }
    const arrival = this.#arrivalOf(socket, peer, place);
    if (isBalancer) this.#readHeader(arrival, serve);
    else this.#seat(arrival, serve);
  }

  /** Ends the connections of those that never said anything. */
  dismissSilent(): void {
    for (const socket of this.#silent) socket.destroy();
  }

  #arrivalOf(socket: Socket, peer: string, place: Place): Arrival {
    const { handshakeTimeoutMs } = this.#host.deps;
    const deadline = setTimeout(() => this.refuse(socket, peer, "it took too long"), handshakeTimeoutMs);
    const disarm = (): void => clearTimeout(deadline);
    this.#silent.add(socket);
    place.signal.addEventListener("abort", () => {
      if (!place.carried) socket.destroy();
    });
    socket.once("close", () => {
      disarm();
      this.#silent.delete(socket);
      if (!place.carried) place.leave();
    });
    return {
      socket,
      source: { address: peer, port: socket.remotePort ?? 0 },
      // A system call that few need.
      get destination() {
        return { address: canonicalIp(socket.localAddress ?? "") ?? "", port: socket.localPort ?? 0 };
      },
      place,
      disarm,
      heard: () => void this.#silent.delete(socket),
    };
  }

  /** Reads the header that stands before everything else. */
  #readHeader(arrival: Arrival, serve: (arrival: Arrival) => void): void {
    const { socket, source: peer } = arrival;
    let bytes = Buffer.alloc(0);
    const onEnd = (): void => void socket.destroy();
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const header = decodeProxyHeader(bytes);
      if (header.type === "more") return;
      socket.off("data", onData).off("end", onEnd);
      socket.pause();
      if (header.type === "invalid") {
        this.refuse(socket, peer.address, header.why);
        return;
      }
      if (header.used < bytes.length) socket.unshift(bytes.subarray(header.used));
      this.#admit({ ...arrival, ...spoken(header.connection) }, serve);
    };
    socket.on("data", onData).on("end", onEnd);
  }

  #admit(arrival: Arrival, serve: (arrival: Arrival) => void): void {
    const { socket, source } = arrival;
    const { address } = source;
    const { allow } = this.#options;
    if (!isAllowed(allow, address)) this.#turnAway(socket, address, NOT_SERVED);
    else if (this.#host.deps.limits.door.denies(address)) this.#turnAway(socket, address, DENIED);
    else this.#seat(arrival, serve);
  }

  /** Why a peer is not let in, before anything is known but its address. */
  #refusalOf(peer: string, isBalancer: boolean): string | undefined {
    const { door } = this.#host.deps.limits;
    if (!isBalancer && !isAllowed(this.#options.allow, peer)) return NOT_SERVED;
    if (door.denies(peer)) return DENIED;
    if (this.#options.isForEdge || door.takesAnother(performance.now())) return undefined;
    return "the relay is at its accept rate";
  }

  /** Serves a client within what its address may have. */
  #seat(arrival: Arrival, serve: (arrival: Arrival) => void): void {
    const { socket, source, place } = arrival;
    const { limits } = this.#host.deps;
    if (!this.#options.isForEdge) {
      if (!limits.door.takesAnotherOf(source.address, performance.now())) {
        this.#turnAway(socket, source.address, "the address is at its accept rate");
        return;
      }
      if (!limits.seatsClient(place, source.address)) {
        this.#turnAway(socket, source.address, "the address has too many connections open");
        return;
      }
    }
    serve(arrival);
  }

  /** Reports why a client's handshake failed, and ends it. */
  refuse(socket: Socket, client: string, why: string): void {
    this.#host.deps.emit({ type: "handshake_failed", ...this.#host.peer(client), why });
    socket.destroy();
  }

  #turnAway(socket: Socket, client: string, why: string): void {
    socket.destroy();
    const now = performance.now();
    if (now - this.#refusedReportedAt < RELAY_LIMITS.SOURCE_REPORT_INTERVAL_MS) return;
    this.#refusedReportedAt = now;
    this.#host.deps.emit({ type: "source_refused", ...this.#host.peer(client), why });
  }

  #reportFull(address: string): void {
    const now = performance.now();
    if (now - this.#fullReportedAt < RELAY_LIMITS.FULL_REPORT_INTERVAL_MS) return;
    this.#fullReportedAt = now;
    this.#host.deps.emit({ type: "connections_full", ...this.#host.peer(address) });
  }
}

/** What a header says of both ends; nothing where it names nobody. Mapped addresses get their one spelling. */
function spoken(connection: ProxiedConnection | undefined): Partial<ProxiedConnection> {
  if (connection === undefined) return {};
  const canonical = ({ address, port }: Endpoint) => ({ address: canonicalIp(address) ?? address, port });
  return { source: canonical(connection.source), destination: canonical(connection.destination) };
}
