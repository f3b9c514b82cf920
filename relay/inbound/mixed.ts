// The proxy inbounds: SOCKS, HTTP or both on one port, told apart by the first byte. It listens and hands each client that
// was let in to its protocol.

import type { Server, Socket } from "node:net";
import type { ListenerAddress } from "../outbound/policy.ts";
import { listen, moveListener } from "../serve/listen.ts";
import type { Acceptor, Arrival } from "./acceptor.ts";
import { HttpProxy } from "./http-proxy.ts";
import type { Inbound, ListenAt } from "./inbound.ts";
import type { SessionHost } from "./session.ts";
import { SocksServer, type SocksSettings, startsLikeSocks } from "./socks-session.ts";

export interface MixedOptions {
  readonly kind: "mixed" | "socks" | "http";
  readonly at: ListenAt;
  readonly socks: SocksSettings;
}

export class MixedInbound implements Inbound {
  readonly kind: MixedOptions["kind"];
  readonly #host: SessionHost;
  readonly #http: HttpProxy;
  readonly #socks: SocksServer;
  readonly #serveHttp: (socket: Socket) => void;
  readonly #acceptor: Acceptor;
  readonly #at: ListenAt;
  #bound: ListenerAddress | undefined;

  constructor({ kind, at, socks }: MixedOptions, host: SessionHost, acceptor: Acceptor) {
    this.kind = kind;
    this.#at = at;
    this.#host = host;
    this.#http = new HttpProxy(host);
    this.#socks = new SocksServer(host, socks);
    this.#acceptor = acceptor;
    // The HTTP server is what listens: so its own bookkeeping (slow heads, idle keep-alive, close) works as documented,
    // and only its first step, taking every socket for HTTP, is put behind the first byte.
    const { server } = this.#http;
    const [serveHttp] = server.listeners("connection");
    this.#serveHttp = (socket) => void serveHttp?.call(server, socket);
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => acceptor.accept(socket, (arrival) => this.#serve(arrival)));
  }

  get address(): string {
    return this.#bound?.address ?? this.#at.host;
  }

  get port(): number {
    return this.#bound?.port ?? this.#at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(before?: Inbound): Promise<void> {
    const server = this.#http.server;
    this.#bound = await (before?.handOver?.(server) ?? listen(server, this.#at));
    // An error while accepting (no descriptors left) must not end the process; the next accept may work.
    server.on("error", () => undefined);
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  async handOver(to: Server): Promise<ListenerAddress> {
    const { server } = this.#http;
    this.#reportDown();
    const bound = await moveListener(server, to);
    // Not closed before its connections are: until then it still watches for heads that take too long.
    server.closeIdleConnections();
    return bound;
  }

  stopAccepting(): void {
    const { server } = this.#http;
    if (!server.listening) return;
    server.close();
    server.closeIdleConnections();
    this.#acceptor.dismissSilent();
    this.#reportDown();
  }

  #reportDown(): void {
    const { address, port } = this;
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_down", inbound: service, address, port });
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  #serve(arrival: Arrival): void {
    const { socket } = arrival;
    const onEarlyEnd = (): void => void socket.destroy();
    socket.once("end", onEarlyEnd);
    socket.once("data", (first: Buffer) => {
      socket.off("end", onEarlyEnd);
      arrival.heard();
      this.#choose(arrival, first);
    });
    // A header of the PROXY protocol leaves the socket paused.
    socket.resume();
  }

  #choose(arrival: Arrival, first: Buffer): void {
    const { socket, source, place, disarm } = arrival;
    const { kind } = this;
    if (kind !== "http" && startsLikeSocks(first[0])) {
      this.#socks.serve(arrival, first);
    } else if (kind !== "socks" && startsLikeHttp(first[0])) {
      disarm();
      this.#http.admit(socket, { address: source.address, place });
      socket.unshift(first);
      this.#serveHttp(socket);
    } else {
      const why = `the first byte ${first[0]} is of no protocol that is served here`;
      this.#acceptor.refuse(socket, source.address, why);
    }
  }
}

/** Methods are upper-case words (RFC 9110 section 9.1). */
function startsLikeHttp(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}
