// The mixed inbound: SOCKS5 and HTTP proxy on one port, told apart by the first byte. It accepts, counts places, holds
// handshakes to their deadline and hands each socket to its protocol.

import type { Socket } from "node:net";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import { listen } from "../serve/listen.ts";
import type { Connections } from "./connections.ts";
import { HttpProxy } from "./http-proxy.ts";
import type { Inbound, InboundDeps, ListenAt } from "./inbound.ts";
import { SessionHost } from "./session.ts";
import { serveSocks } from "./socks-session.ts";

const SOCKS5_FIRST_BYTE = 5;

export class MixedInbound implements Inbound {
  readonly kind = "mixed";
  readonly #host: SessionHost;
  readonly #http: HttpProxy;
  readonly #serveHttp: (socket: Socket) => void;
  readonly #connections: Connections;
  readonly #at: ListenAt;
  /** Sockets that have not sent a byte yet: nobody waits for them at shutdown. */
  readonly #silent = new Set<Socket>();
  #fullReportedAt = Number.NEGATIVE_INFINITY;

  constructor(at: ListenAt, deps: InboundDeps, connections: Connections) {
    this.#at = at;
    this.#host = new SessionHost(deps);
    this.#http = new HttpProxy(this.#host);
    this.#connections = connections;
    // The HTTP server is what listens: so its own bookkeeping (slow heads, idle keep-alive, close) works as documented,
    // and only its first step, taking every socket for HTTP, is put behind the first byte.
    const { server } = this.#http;
    const [serveHttp] = server.listeners("connection");
    this.#serveHttp = (socket) => void serveHttp?.call(server, socket);
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => this.#accept(socket));
  }

  get address(): string {
    return this.#bound()?.address ?? this.#at.host;
  }

  get port(): number {
    return this.#bound()?.port ?? this.#at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(): Promise<void> {
    await listen(this.#http.server, this.#at);
    // An error while accepting (no descriptors left) must not end the process; the next accept may work.
    this.#http.server.on("error", () => undefined);
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  stopAccepting(): void {
    const { address, port } = this;
    const { server } = this.#http;
    if (!server.listening) return;
    server.close();
    server.closeIdleConnections();
    for (const socket of this.#silent) socket.destroy();
    this.#host.deps.emit({ type: "listener_down", inbound: this.#host.deps.service, address, port });
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  #bound(): { address: string; port: number } | undefined {
    const bound = this.#http.server.address();
    return typeof bound === "object" && bound !== null ? bound : undefined;
  }

  #accept(socket: Socket): void {
    const address = canonicalIp(socket.remoteAddress ?? "");
    const place = address === undefined ? undefined : this.#connections.enter();
    // Errors end the socket, which is all that matters here; the pipe listens for itself.
    socket.on("error", () => undefined);
    if (address === undefined || place === undefined) {
      if (address !== undefined) this.#reportFull(address);
      socket.destroy();
      return;
    }
    const deadline = setTimeout(() => this.#refuse(socket, address, "it took too long"), this.#handshakeMs);
    const disarm = (): void => clearTimeout(deadline);
    const onEarlyEnd = (): void => void socket.destroy();
    this.#silent.add(socket);
    place.signal.addEventListener("abort", () => {
      if (!place.carried) socket.destroy();
    });
    socket.once("close", () => {
      disarm();
      this.#silent.delete(socket);
      if (!place.carried) place.leave();
    });
    socket.once("end", onEarlyEnd);
    socket.once("data", (first: Buffer) => {
      socket.off("end", onEarlyEnd);
      this.#silent.delete(socket);
      if (first[0] === SOCKS5_FIRST_BYTE) {
        serveSocks(this.#host, { socket, address, place, first, disarm });
      } else if (startsLikeHttp(first[0])) {
        disarm();
        this.#http.admit(socket, { address, place });
        socket.unshift(first);
        this.#serveHttp(socket);
      } else {
        this.#refuse(socket, address, `the first byte ${first[0]} is of no known protocol`);
      }
    });
  }

  get #handshakeMs(): number {
    return this.#host.deps.handshakeTimeoutMs;
  }

  #refuse(socket: Socket, address: string, why: string): void {
    this.#host.deps.emit({ type: "handshake_failed", ...this.#host.peer(address), why });
    socket.destroy();
  }

  #reportFull(address: string): void {
    const now = performance.now();
    if (now - this.#fullReportedAt < RELAY_LIMITS.FULL_REPORT_INTERVAL_MS) return;
    this.#fullReportedAt = now;
    this.#host.deps.emit({ type: "connections_full", ...this.#host.peer(address) });
  }
}

/** Methods are upper-case words (RFC 9110 section 9.1). */
function startsLikeHttp(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}
