// An upstream that dies and comes back on the same port, for end-to-end tests of choosing among several.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Answers with its name; /hold is answered when released, /silent never, /up by `health`. */
export class UpstreamServer {
  readonly name: string;
  /** Status of /up. */
  health = 200;
  /** Status of everything else. */
  status = 200;
  /** Request targets in order, checks apart. */
  readonly requests: string[] = [];
  #server: Server | undefined;
  #port = 0;
  #held: ServerResponse[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  static async start(name: string): Promise<UpstreamServer> {
    const upstream = new UpstreamServer(name);
    await upstream.comeBack();
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Refuses connections from now on; open ones are reset. */
  async die(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.closeAllConnections();
    server.close();
    await closed;
  }

  /** On the port it had: an outgoing connection of anybody's may have that for a moment. */
  async comeBack(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#listen();
      } catch (error) {
        if (tries >= 50 || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
        await delay(100);
      }
    }
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.on("upgrade", (request, socket: Socket) => acceptUpgrade(request, socket));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Resolves with the next request that is no check. */
  async nextRequest(): Promise<void> {
    if (!this.#server) throw new Error(`The upstream '${this.name}' is down`);
    await once(this.#server, "seen");
  }

  /** Answers every request to /hold. */
  release(): void {
    for (const response of this.#held.splice(0)) response.end(this.name);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === "/up") {
      response.writeHead(this.health).end("I am well");
      return;
    }
    this.requests.push(request.url ?? "");
    this.#server?.emit("seen");
    if (request.url === "/silent") return;
    if (request.url === "/hold") {
      response.writeHead(200);
      response.write(" ");
      this.#held.push(response);
      return;
    }
    request.resume().on("end", () => response.writeHead(this.status).end(this.name));
  }
}

/** A WebSocket that is accepted and closed at once with 4000: enough to see that the upgrade came through. */
function acceptUpgrade(request: IncomingMessage, socket: Socket): void {
  const key = String(request.headers["sec-websocket-key"]);
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  // Unread, the peer's end would go unnoticed.
  socket.on("error", () => undefined).resume();
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.end(Buffer.from([0x88, 2, 4000 >> 8, 4000 & 255]));
}
