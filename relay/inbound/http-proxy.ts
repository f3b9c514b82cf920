// The HTTP side of an inbound: node:http parses, this answers CONNECT with a tunnel and absolute-form requests by
// forwarding them. It owns the server object, which is also what listens; mixed.ts decides which sockets it gets.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { breakOff } from "../break-off.ts";
import { dismiss, dropBody, type Place } from "./connections.ts";
import { errorAnswer, parserErrorCode, rawErrorAnswer } from "./http-error.ts";
import { failureCode } from "./http-exchange.ts";
import { endsHere } from "./http-fields.ts";
import { HttpForwarder, proxiedReplyFields, requestFieldsFor } from "./http-forward.ts";
import { type ForwardTarget, parseBasic, parseConnectTarget, parseForwardTarget } from "./http-target.ts";
import { passUpgrade, refuse } from "./http-upgrade.ts";
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
      shouldUpgradeCallback: asksForUpgrade,
    });
    this.server.timeout = host.deps.idleTimeoutMs;
    this.server.on("request", (req, res) => this.#onRequest(req, res));
    this.server.on("connect", (req, socket, head) => void this.#onConnect(req, socket as Socket, head));
    this.server.on("upgrade", (req, socket, head) => void this.#onUpgrade(req, socket as Socket, head));
    this.server.on("clientError", (error, socket) => this.#onClientError(error, socket as Socket));
  }

  /** Says who is behind a socket before the server gets it. */
  admit(socket: Socket, client: Pick<HttpClient, "address" | "place">): void {
    this.#clients.set(socket, { ...client, pending: 0, turn: Promise.resolve() });
  }

  close(): Promise<void> {
    // One that was handed over still watches its connections.
    this.server.close();
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
    client.turn = client.turn
      .then(() => this.#answer(req, res, client))
      // A fault of the relay's own: it costs this connection, and not the process.
      .catch(() => breakOff(req.socket))
      .finally(() => client.pending--);
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
    } else if (endsHere(req)) {
      if (req.method === "OPTIONS") res.writeHead(200, ["Content-Length", "0"]).end();
      else res.writeHead(405, ["Allow", "OPTIONS", "Content-Length", "0"]).end();
    } else {
      await this.#forward(req, res, to, { client, user });
    }
    dropBody(req);
  }

  async #forward(
    req: IncomingMessage,
    res: ServerResponse,
    to: ForwardTarget,
    { client: { address, place }, user }: { client: HttpClient; user: string },
  ): Promise<void> {
    const wish = { kind: "proxy", client: address, user, label: to.label } as const;
    try {
      this.#host.admit(wish, place);
    } catch (error) {
      const { status, headers, body } = errorAnswer(failureCode(error));
      res.writeHead(status, headers).end(body);
      return;
    }
    await this.#forwarder.forward(req, res, to, { ...wish, place });
  }

  async #onConnect(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#takeOver(socket);
    if (client === undefined) return;
    const { place, address } = client;
    const user = await this.#signIn(req, client);
    const target = parseConnectTarget(req.url ?? "");
    if (typeof user !== "string" || target === undefined) {
      socket.end(rawErrorAnswer(typeof user === "string" ? "bad_request" : user.refused));
      dismiss(socket);
      return;
    }
    await this.#host.tunnel(socket, { kind: "connect", target, client: address, user, head, place }, ANSWERS);
  }

  /** A request that asks for another protocol; what the origin makes of it, the client gets. */
  async #onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#takeOver(socket);
    if (client === undefined) return;
    const { place, address } = client;
    const user = await this.#signIn(req, client);
    const to = parseForwardTarget(req.url ?? "");
    if (typeof user !== "string" || to === undefined) {
      refuse(socket, errorAnswer(typeof user === "string" ? "bad_request" : user.refused));
      return;
    }
    const { outbound } = this.#host.deps;
    const wish = { kind: "proxy", client: address, user, label: to.label } as const;
    try {
      this.#host.admit(wish, place);
    } catch (error) {
      refuse(socket, errorAnswer(failureCode(error)));
      return;
    }
    await passUpgrade(
      this.#host,
      wish,
      { req, socket, head, place },
      {
        dial: (signal) => outbound.connect(to.target, this.#host.dialOptions(user, signal)),
        path: to.path,
        requestFields: requestFieldsFor(req.rawHeaders, to),
        protocols: req.headers.upgrade ?? "",
        headBytesMax: RELAY_LIMITS.HTTP_HEAD_BYTES,
        replyFields: proxiedReplyFields,
        refusal: errorAnswer,
      },
    );
  }

  /** The client of a socket that leaves the parser for good, paused; undefined when it must not, and is destroyed. */
  #takeOver(socket: Socket): HttpClient | undefined {
    const client = this.#clients.get(socket);
    this.#clients.delete(socket);
    if (client === undefined || client.pending > 0) {
      // The answers to come would end up in the tunnel.
      if (client !== undefined) this.#giveUp(socket, client, "a tunnel was pipelined behind another request");
      socket.destroy();
      return undefined;
    }
    socket.setTimeout(0);
    socket.pause();
    // The parser took its own listener away; an error before the pipe's would end the process.
    socket.on("error", () => undefined);
    return client;
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

/** Whether a request's Upgrade is passed on: it is an offer that may be passed over (RFC 9110 section 7.8). */
function asksForUpgrade({ headers }: IncomingMessage): boolean {
  // With a body the origin would have to answer before it knows whether the rest is body or the other protocol. HTTP/2
  // needs a second field of this hop, and is not used this way any more (RFC 9113 section 3.1).
  const hasBody = "content-length" in headers || "transfer-encoding" in headers;
  return !hasBody && headers.upgrade?.toLowerCase() !== "h2c";
}
