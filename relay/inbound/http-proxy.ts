// The HTTP side of an inbound: node:http parses, this answers CONNECT with a tunnel and absolute-form requests by
// forwarding them. It owns the server object, which is also what listens; mixed.ts decides which sockets it gets.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { dismiss, type Place } from "./connections.ts";
import { errorAnswer, rawErrorAnswer } from "./http-error.ts";
import { HttpForwarder } from "./http-forward.ts";
import { parseBasic, parseConnectTarget, parseForwardTarget } from "./http-target.ts";
import { connectWish, type SessionHost } from "./session.ts";

/** What is known of a socket that the HTTP server serves. */
interface HttpClient {
  readonly address: string;
  readonly place: Place;
}

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
    this.server.on("request", (req, res) => void this.#onRequest(req, res));
    this.server.on("connect", (req, socket, head) => void this.#onConnect(req, socket as Socket, head));
    this.server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
  }

  /** Says who is behind a socket before the server gets it. */
  admit(socket: Socket, client: HttpClient): void {
    this.#clients.set(socket, client);
  }

  close(): Promise<void> {
    return this.#forwarder.close();
  }

  async #onRequest(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const client = this.#clients.get(req.socket);
    const to = parseForwardTarget(req.url ?? "", req.method ?? "");
    const user = await this.#signIn(req, client);
    if (client === undefined || typeof user !== "string" || to === undefined) {
      // Unread bodies of refused requests are not worth reading.
      const code = typeof user === "object" ? user.refused : "bad_request";
      const { status, headers, body } = errorAnswer(code);
      if (!req.complete) headers.push("Connection", "close");
      res.writeHead(status, headers).end(body);
      return;
    }
    const wish = { kind: "proxy", client: client.address, user, label: to.label } as const;
    await this.#forwarder.forward(req, res, to, wish);
    // While draining, a kept-alive connection ends with its last answer.
    if (!this.server.listening) this.server.closeIdleConnections();
  }

  async #onConnect(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#clients.get(socket);
    if (client === undefined) {
      socket.destroy();
      return;
    }
    this.#clients.delete(socket);
    const { place, address } = client;
    socket.setTimeout(0);
    socket.pause();
    // The parser took its own listener away; an error before the pipe's would end the process.
    socket.on("error", () => undefined);
    try {
      const user = await this.#signIn(req, client);
      if (typeof user !== "string") throw new CausewayError(user.refused);
      const target = parseConnectTarget(req.url ?? "");
      if (target === undefined) throw new CausewayError("bad_request");
      const wish = connectWish("connect", target, address, user);
      const dialled = await this.#host.dial(target, wish, place.signal);
      if (socket.destroyed) dialled.destroy();
      else {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        await this.#host.carry(socket, dialled, { wish, head, place });
      }
    } catch (error) {
      socket.end(rawErrorAnswer(error instanceof CausewayError ? error.code : "internal"));
      dismiss(socket);
    }
  }

  /** The user's name, "" without authentication, or why the request is refused. */
  async #signIn(
    { headers }: IncomingMessage,
    client: HttpClient | undefined,
  ): Promise<string | { readonly refused: ErrorCode }> {
    if (this.#host.deps.auth === "none") return "";
    const credentials = parseBasic(headers["proxy-authorization"]);
    // Clients ask without credentials first; that is no failed sign-in.
    if (credentials === undefined || client === undefined) return { refused: "proxy_auth_required" };
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
