// A stand-in for the edge's control plane, as far as the dashboard sees it: the built page, sessions, and a stats
// WebSocket whose messages the test chooses. It must not compute anything a real edge would.

import { createReadStream, existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Cookie } from "playwright-core";
import { type WebSocket, WebSocketServer } from "ws";
import { RENEW_CLOSE, type Snapshot, type StatsMessage } from "../../shared/flow/snapshot.ts";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

export const TOKEN = "right-token";
export const CODE = "right-code";

export class FakeEdge {
  /** What `/api/stats` and each new WebSocket answer. */
  snapshot: Snapshot;
  /** Sessions that hold; the cookie's value names one. */
  readonly sessions = new Set<string>();
  /** What the sessions allow. */
  role: "viewer" | "operator" = "operator";
  /** Whether connections can be closed. */
  closable = true;
  /** While true every request is reset, as if nothing listened. */
  away = false;
  /** Every path asked for, and the host names that the browser meant. */
  readonly requests: string[] = [];
  readonly #page: string;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "causeway.v1" });
  readonly #server = createServer((request, response) => this.#answer(request, response));

  constructor(page: string, snapshot: Snapshot) {
    this.#page = page;
    this.snapshot = snapshot;
    this.#server.on("upgrade", (request, socket, head) => {
      const welcome = !this.away && request.url === "/api/stats/ws" && this.#signedIn(request);
      if (welcome)
        this.#sockets.handleUpgrade(request, socket, head, (client) => send(client, this.snapshot));
      else socket.destroy();
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Makes a session and returns its cookie, as a browser context takes it. */
  signIn(): Cookie {
    this.sessions.add("given");
    const scope = { domain: "127.0.0.1", path: "/", expires: -1, httpOnly: true, secure: false } as const;
    return { name: "session", value: "given", ...scope, sameSite: "Strict" };
  }

  /** Dashboards connected now. */
  get viewers(): number {
    return this.#sockets.clients.size;
  }

  send(message: StatsMessage): void {
    if (message.type === "snapshot") this.snapshot = message;
    for (const client of this.#sockets.clients) send(client, message);
  }

  /** Has every dashboard show its session again. */
  renew(): void {
    for (const client of this.#sockets.clients) client.close(RENEW_CLOSE, "renew");
  }

  /** Cuts every WebSocket without a goodbye. */
  drop(): void {
    for (const client of this.#sockets.clients) client.terminate();
  }

  async stop(): Promise<void> {
    this.drop();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #signedIn(request: IncomingMessage): boolean {
    const value = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    return value !== undefined && this.sessions.has(value);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "/";
    this.requests.push(`${request.method} ${path}`);
    if (this.away) request.socket.destroy();
    else if (path === "/api/session" && request.method === "GET") this.#whoIs(request, response);
    else if (path === "/api/session") void this.#session(request, response);
    else if (path.startsWith("/api/connections/")) this.#close(request, response);
    else if (path !== "/api/stats") this.#file(path, response);
    else if (this.#signedIn(request)) json(response, 200, this.snapshot);
    else json(response, 401, { error: { code: "unauthorized", message: "No", request_id: "r" } });
  }

  #whoIs(request: IncomingMessage, response: ServerResponse): void {
    if (this.#signedIn(request)) json(response, 200, { name: "someone", role: this.role });
    else json(response, 401, { error: { code: "unauthorized", message: "No", request_id: "r" } });
  }

  #close(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (this.closable) response.writeHead(204).end();
    else
      json(response, 409, {
        error: { code: "not_closable", message: "It passes untouched", request_id: "r" },
      });
  }

  #file(path: string, response: ServerResponse): void {
    const file = join(this.#page, path === "/" ? "index.html" : path);
    if (existsSync(file)) {
      response.setHeader("Content-Type", MEDIA_TYPES[extname(file)] ?? "application/octet-stream");
      createReadStream(file).pipe(response);
    } else {
      json(response, 404, { error: { code: "not_found", message: "No", request_id: "r" } });
    }
  }

  async #session(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "DELETE") {
      this.sessions.clear();
      response.setHeader("Set-Cookie", "session=; Path=/; Max-Age=0");
      response.writeHead(204).end();
      return;
    }
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { token, code } = JSON.parse(body) as { token?: string; code?: string };
    if (token === TOKEN || code === CODE) {
      this.sessions.add("made");
      response.setHeader("Set-Cookie", "session=made; Path=/; HttpOnly; SameSite=Strict");
      json(response, 200, { name: "admin", role: "admin", expires_at: Date.now() + 60_000 });
    } else {
      const error = { code: token ? "unauthorized" : "login_code_invalid", message: "No", request_id: "r" };
      json(response, 401, { error });
    }
  }
}

function send(client: WebSocket, message: StatsMessage): void {
  client.send(JSON.stringify(message));
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
