// An origin for tests of the HTTP cache: answers each path as the test says, and counts who came through.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export class CacheOrigin {
  readonly #server: Server;
  readonly #handlers = new Map<string, Handler>();
  readonly #requests = new Map<string, IncomingMessage[]>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<CacheOrigin> {
    const server = createServer();
    const origin = new CacheOrigin(server);
    server.on("request", (request, response) => origin.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How a path is answered from now on, whatever its query. */
  on(path: string, handler: Handler): void {
    this.#handlers.set(path, handler);
  }

  /** A path that answers 200 with these fields and the number of the request as its body. */
  counts(path: string, fields: Readonly<Record<string, string>>): void {
    this.on(path, (_request, response, count) => {
      const body = `body ${count}`;
      response.writeHead(200, { ...fields, "Content-Length": body.length }).end(body);
    });
  }

  /** The requests for a path, in the order in which they came. */
  requests(path: string): readonly IncomingMessage[] {
    return this.#requests.get(path) ?? [];
  }

  /** Resolves once `count` requests for a path have come. */
  async requested(path: string, count: number): Promise<void> {
    while (this.requests(path).length < count) await once(this.#server, "seen");
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const requests = this.#requests.get(path) ?? [];
    this.#requests.set(path, [...requests, request]);
    const handler = this.#handlers.get(path);
    if (handler) handler(request, response, requests.length + 1);
    else response.writeHead(404, { "Content-Length": "0" }).end();
    this.#server.emit("seen");
  }
}
