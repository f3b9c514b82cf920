// The ingress: HTTP requests and WebSockets that the edge signs, carried to the origins that a Worker may not or cannot
// reach. node:http parses; whatever is not signed gets no further than its head.

import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { Server, Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { INGRESS_LIMITS, RELAY_LIMITS } from "../../shared/limits.ts";
import { breakOff } from "../break-off.ts";
import type { ListenerAddress } from "../outbound/policy.ts";
import { listen, moveListener } from "../serve/listen.ts";
import type { Acceptor, Arrival } from "./acceptor.ts";
import { dropBody } from "./connections.ts";
import { parserErrorCode } from "./http-error.ts";
import { exchange } from "./http-exchange.ts";
import type { Inbound, InboundDeps, ListenAt } from "./inbound.ts";
import { edgeFields, ingressRefusal, originFields } from "./ingress-answer.ts";
import { IngressGate } from "./ingress-gate.ts";
import { carryUpgrade, refuseOn } from "./ingress-upgrade.ts";
import { OriginPools } from "./origin-pools.ts";
import type { SessionHost } from "./session.ts";

export interface IngressOptions {
  readonly at: ListenAt;
  /** The secret that the edge signs with. */
  readonly key: string;
}

/** What is known of a socket that the HTTP server serves. */
interface IngressClient {
  readonly arrival: Arrival;
  /** Requests under way or waiting for their turn. */
  pending: number;
  /** Settles when the last of them is answered. */
  turn: Promise<void>;
}

export class IngressInbound implements Inbound {
  readonly kind = "ingress";
  readonly #at: ListenAt;
  readonly #host: SessionHost;
  readonly #secret: string;
  readonly #acceptor: Acceptor;
  readonly #pools: OriginPools;
  readonly #server: HttpServer;
  readonly #serve: (socket: Socket) => void;
  readonly #clients = new WeakMap<Socket, IngressClient>();
  #gate: IngressGate | undefined;
  #bound: ListenerAddress | undefined;

  constructor({ at, key }: IngressOptions, host: SessionHost, acceptor: Acceptor) {
    this.#at = at;
    this.#host = host;
    this.#secret = key;
    this.#acceptor = acceptor;
    this.#pools = new OriginPools(host.deps, {
      headBytesMax: INGRESS_LIMITS.HEAD_BYTES,
      connectionsMax: INGRESS_LIMITS.ORIGIN_CONNECTIONS_MAX,
    });
    this.#server = createIngressServer(host.deps);
    const [serve] = this.#server.listeners("connection");
    this.#serve = (socket) => void serve?.call(this.#server, socket);
    this.#listenToServer();
  }

  get address(): string {
    return this.#bound?.address ?? this.#at.host;
  }

  get port(): number {
    return this.#bound?.port ?? this.#at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(before?: Inbound): Promise<void> {
    this.#gate = await IngressGate.create(this.#host, this.#secret);
    this.#bound = await (before?.handOver?.(this.#server) ?? listen(this.#server, this.#at));
    // An error while accepting (no descriptors left) must not end the process; the next accept may work.
    this.#server.on("error", () => undefined);
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  async handOver(server: Server): Promise<ListenerAddress> {
    this.#reportDown();
    const bound = await moveListener(this.#server, server);
    // Not closed before its connections are: until then it still watches for heads that take too long.
    this.#server.closeIdleConnections();
    return bound;
  }

  stopAccepting(): void {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeIdleConnections();
    this.#acceptor.dismissSilent();
    this.#reportDown();
  }

  close(): Promise<void> {
    // One that was handed over still watches its connections.
    this.#server.close();
    return this.#pools.close();
  }

  #reportDown(): void {
    const { address, port } = this;
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_down", inbound: service, address, port });
  }

  #listenToServer(): void {
    const server = this.#server;
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => this.#acceptor.accept(socket, this.#admit));
    server.on("request", (req, res) => this.#onRequest(req, res, false));
    // A client that asks first is told to go on once it has been let in, not before.
    server.on("checkContinue", (req, res) => this.#onRequest(req, res, true));
    server.on("upgrade", (req, socket, head) => void this.#onUpgrade(req, socket as Socket, head));
    server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
  }

  readonly #admit = (arrival: Arrival): void => {
    // From here on the server's own deadline for heads counts.
    arrival.disarm();
    this.#clients.set(arrival.socket, { arrival, pending: 0, turn: Promise.resolve() });
    this.#serve(arrival.socket);
  };

  /** One request of a connection after the other: any of them may change what the next one finds (RFC 9112 9.3.2). */
  #onRequest(req: IncomingMessage, res: ServerResponse, asksFirst: boolean): void {
    const client = this.#clients.get(req.socket);
    if (client === undefined || req.socket.destroyed) return;
    client.arrival.heard();
    if (client.pending >= RELAY_LIMITS.PIPELINED_MAX) {
      this.#acceptor.refuse(req.socket, client.arrival.source.address, "too many requests were pipelined");
      return;
    }
    client.pending++;
    client.turn = client.turn
      .then(() => this.#answer(req, res, client, asksFirst))
      // A fault of the relay's own: it costs this connection, and not the process.
      .catch(() => breakOff(req.socket))
      .finally(() => client.pending--);
    // While draining, a kept-alive connection ends with its last answer.
    res.once("close", () => {
      if (!this.#server.listening) this.#server.closeIdleConnections();
    });
  }

  async #answer(
    req: IncomingMessage,
    res: ServerResponse,
    { arrival }: IngressClient,
    asksFirst: boolean,
  ): Promise<void> {
    try {
      const { target, wish } = await this.#pass(req, arrival);
      // Meanwhile the client may have left; no event says so any more.
      if (req.socket.destroyed) return;
      if (asksFirst) res.writeContinue();
      await exchange(this.#host, req, res, wish, {
        dispatcher: this.#pools.of(wish.user),
        origin: target.origin,
        path: target.path,
        requestFields: originFields(req.rawHeaders, target),
        replyFields: edgeFields,
        refusal: ingressRefusal,
      });
    } catch (error) {
      if (res.headersSent) {
        breakOff(req.socket);
        return;
      }
      const code = codeOf(error);
      // Strangers must not hold the relay's connections.
      if (code === "signature_refused") res.shouldKeepAlive = false;
      const { status, headers, body } = ingressRefusal(code);
      res.writeHead(status, headers).end(body);
    }
    dropBody(req);
  }

  async #onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#clients.get(socket);
    this.#clients.delete(socket);
    if (client === undefined || client.pending > 0) {
      // The answers to come would end up between the frames.
      socket.destroy();
      return;
    }
    client.arrival.heard();
    socket.setTimeout(0);
    socket.pause();
    // The parser took its own listener away; an error before the pipe's would end the process.
    socket.on("error", () => undefined);
    try {
      const admitted = await this.#pass(req, client.arrival);
      await carryUpgrade(this.#host, this.#pools, admitted, {
        req,
        socket,
        head,
        place: client.arrival.place,
      });
    } catch (error) {
      refuseOn(socket, codeOf(error));
    }
  }

  #pass(req: IncomingMessage, { source }: Arrival) {
    if (this.#gate === undefined) throw new CausewayError("internal");
    return this.#gate.admit(req, source.address);
  }

  #onClientError({ code }: NodeJS.ErrnoException, socket: Socket): void {
    const client = this.#clients.get(socket);
    if (client !== undefined && code !== "ECONNRESET") {
      const peer = this.#host.peer(client.arrival.source.address);
      this.#host.deps.emit({ type: "handshake_failed", ...peer, why: code ?? "malformed HTTP" });
    }
    if (socket.writable && socket.bytesWritten === 0) refuseOn(socket, parserErrorCode(code));
    else socket.destroy();
  }
}

function createIngressServer(deps: InboundDeps): HttpServer {
  const server = createServer({
    maxHeaderSize: INGRESS_LIMITS.HEAD_BYTES,
    headersTimeout: deps.handshakeTimeoutMs,
    connectionsCheckingInterval: deps.handshakeTimeoutMs / 4,
    // A long upload is no attack; the idle timeout ends those that stall.
    requestTimeout: 0,
    keepAliveTimeout: RELAY_LIMITS.KEEP_ALIVE_TIMEOUT_MS,
    noDelay: true,
    shouldUpgradeCallback: asksForSocket,
  });
  server.timeout = deps.idleTimeoutMs + INGRESS_LIMITS.IDLE_GRACE_MS;
  return server;
}

/** Other protocols are offers that may be passed over (RFC 9110 section 7.8); a body would be taken for frames. */
function asksForSocket({ headers }: IncomingMessage): boolean {
  const hasBody = "content-length" in headers || "transfer-encoding" in headers;
  return !hasBody && headers.upgrade?.toLowerCase() === "websocket";
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof CausewayError ? error.code : "internal";
}
