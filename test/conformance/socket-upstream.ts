// A WebSocket upstream whose sockets a suite holds in its hands.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Running, Way } from "./proxy-under-test.ts";

/** The one subprotocol that it speaks. */
export const PROTOCOL = "chat.v1";

const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

export class SocketUpstream implements Running {
  readonly server: WebSocketServer;
  /** Heads of the upgrades so far. */
  readonly upgrades: IncomingMessage[] = [];

  constructor() {
    this.server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: true,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
      verifyClient: ({ req }: { req: IncomingMessage }, done) => {
        this.upgrades.push(req);
        done(!req.url?.startsWith("/refuse"), 403, "No", { "X-Why": "because" });
      },
    });
    this.server.on("headers", (headers) => headers.push("X-Upstream: 1"));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
    await once(this.server, "close");
  }
}

/** Resolves once the upstream has no more than so many sockets. */
export async function drained(upstream: SocketUpstream, count: number): Promise<void> {
  while (upstream.server.clients.size > count) {
    const [socket] = upstream.server.clients;
    if (socket) await once(socket, "close");
  }
}

export type Pair = readonly [client: WebSocket, server: WebSocket];

/** Opens a socket through the proxy, and finds the one that it became at the upstream. */
export type Open = (way: Way, path?: string, protocols?: string[]) => Promise<Pair>;

/** The close that a socket gets, as code and reason. */
export function closeOf(socket: WebSocket): Promise<[number, string]> {
  return new Promise((resolve) => {
    socket.once("close", (code, reason) => resolve([code, reason.toString()]));
  });
}

/** The next messages of a socket, text as strings. */
export function receive(socket: WebSocket, count: number): Promise<(string | Buffer)[]> {
  const received: (string | Buffer)[] = [];
  return new Promise((resolve, reject) => {
    socket.once("close", (code) => reject(new Error(`Closed ${code} after ${received.length} messages`)));
    socket.on("message", (data: Buffer, isBinary) => {
      received.push(isBinary ? data : data.toString());
      if (received.length === count) {
        socket.removeAllListeners("message");
        resolve(received);
      }
    });
  });
}
