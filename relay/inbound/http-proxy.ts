// The HTTP side of an inbound: node:http parses, this answers CONNECT with a tunnel and absolute-form requests by
// forwarding them. It owns the server object, which is also what listens; mixed.ts decides which sockets it gets.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { dismiss, dropBody, type Place } from "./connections.ts";
import { errorAnswer, rawErrorAnswer } from "./http-error.ts";
import { HttpForwarder } from "./http-forward.ts";
import { parseBasic, parseConnectTarget, parseForwardTarget } from "./http-target.ts";
import type { SessionHost, TunnelAnswers } from "./session.ts";

/** What is known of a socket that the HTTP server serves. */
interface HttpClient {
  readonly address: string;
  readonly place: Place;
  /** Requests under way or waiting for their turn. */
  pending: number;
  /** Settles when the last of them is answered. */
  turn: Promise<void>;
}

const ANSWERS: TunnelAnswers = {
  opened: () => "HTTP/1.1 200 Connection Established\r\n\r\n",
  failed: rawErrorAnswer,
};

export class HttpProxy {
  /** Not listening yet; its `connection` listeners are for the owner to call. */
  readonly server: Server;
  readonly #host: SessionHost;
  readonly #forwarder: HttpForwarder;
  readonly #clients = new WeakMap<Socket, HttpClient>();

  constructor(host: SessionHost) {
    this.#host = host;
    this.#forwarder = new HttpForwarder(host);
    this.server = createServer({
      maxHeaderSize: RELAY_LIMITS.HTTP_HEAD_BYTES,
      headersTimeout: host.deps.handshakeTimeoutMs,
      connectionsCheckingInterval: host.deps.handshakeTimeoutMs / 4,
      // A long upload is no attack; the idle timeout ends those that stall.
      requestTimeout: 0,
      keepAliveTimeout: RELAY_LIMITS.KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
    });
    this.server.timeout = host.deps.idleTimeoutMs;
    this.server.on("request", (req, res) => this.#onRequest(req, res));
    this.server.on("connect", (req, socket, head) => void this.#onConnect(req, socket as Socket, head));
    this.server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
  }

  /** Says who is behind a socket before the server gets it. */
  admit(socket: Socket, client: Pick<HttpClient, "address" | "place">): void {
    this.#clients.set(socket, { ...client, pending: 0, turn: Promise.resolve() });
  }

  close(): Promise<void> {
    return this.#forwarder.close();
  }

  /** Pipelined requests are served one after the other: any of them may change what the next one finds (RFC 9112 9.3.2). */
  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    const client = this.#clients.get(req.socket);
    if (client === undefined || req.socket.destroyed) return;
    if (client.pending >= RELAY_LIMITS.PIPELINED_MAX) {
      this.#giveUp(req.socket, client, "too many requests were pipelined");
      return;
    }
    client.pending++;
    client.turn = client.turn.then(() => this.#answer(req, res, client)).finally(() => client.pending--);
    // While draining, a kept-alive connection ends with its last answer.
    res.once("close", () => {
      if (!this.server.listening) this.server.closeIdleConnections();
    });
  }

  async #answer(req: IncomingMessage, res: ServerResponse, client: HttpClient): Promise<void> {
    const to = parseForwardTarget(req.url ?? "");
    const user = await this.#signIn(req, client);
    // Meanwhile the client may have left; no event says so any more.
    if (req.socket.destroyed) return;
    if (typeof user !== "string" || to === undefined) {
      const { status, headers, body } = errorAnswer(typeof user === "string" ? "bad_request" : user.refused);
      res.writeHead(status, headers).end(body);
    } else {
      const wish = { kind: "proxy", client: client.address, user, label: to.label } as const;
      await this.#forwarder.forward(req, res, to, wish);
    }
    dropBody(req);
  }

  async #onConnect(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#clients.get(socket);
    this.#clients.delete(socket);
    if (client === undefined || client.pending > 0) {
      // The answers to come would end up in the tunnel.
      if (client !== undefined) this.#giveUp(socket, client, "CONNECT was pipelined behind another request");
      socket.destroy();
      return;
    }
    const { place, address } = client;
    socket.setTimeout(0);
    socket.pause();
    // The parser took its own listener away; an error before the pipe's would end the process.
    socket.on("error", () => undefined);
    const user = await this.#signIn(req, client);
    const target = parseConnectTarget(req.url ?? "");
    if (typeof user !== "string" || target === undefined) {
      socket.end(rawErrorAnswer(typeof user === "string" ? "bad_request" : user.refused));
      dismiss(socket);
      return;
    }
    await this.#host.tunnel(socket, { kind: "connect", target, client: address, user, head, place }, ANSWERS);
  }

  #giveUp(socket: Socket, { address }: HttpClient, why: string): void {
    this.#host.deps.emit({ type: "handshake_failed", ...this.#host.peer(address), why });
    socket.destroy();
  }

  /** The user's name, "" without authentication, or why the request is refused. */
  async #signIn(
    { headers }: IncomingMessage,
    client: HttpClient,
  ): Promise<string | { readonly refused: ErrorCode }> {
    if (this.#host.deps.auth === "none") return "";
    const credentials = parseBasic(headers["proxy-authorization"]);
    // Clients ask without credentials first; that is no failed sign-in.
    if (credentials === undefined) return { refused: "proxy_auth_required" };
    try {
      await this.#host.signIn(credentials.user, credentials.password, client.address);
      return credentials.user;
    } catch (error) {
      return { refused: error instanceof CausewayError ? error.code : "internal" };
    }
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const client = this.#clients.get(socket);
    if (client !== undefined && error.code !== "ECONNRESET") {
      this.#host.deps.emit({
        type: "handshake_failed",
        ...this.#host.peer(client.address),
        why: error.code ?? "malformed HTTP",
      });
    }
    if (socket.writable && socket.bytesWritten === 0) socket.end(rawErrorAnswer(parserErrorCode(error.code)));
    else socket.destroy();
    dismiss(socket);
  }
}

function parserErrorCode(code: string | undefined): ErrorCode {
  if (code === "HPE_HEADER_OVERFLOW") return "head_too_large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "request_timeout" : "bad_request";
}
