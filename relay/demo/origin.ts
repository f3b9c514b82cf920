// The demo origin: an HTTP server with something of everything that a proxy has to carry.
// It is for trying and testing; it listens where it is told, by default on loopback.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DEMO_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { listen } from "../serve/listen.ts";
import { answerBytes, answerChunked, answerGzip, answerSlow, answerTruncated } from "./bodies.ts";
import { createEcho } from "./echo.ts";
import { answerEndless } from "./endless.ts";
import { answerHeaders, answerRedirect, answerStatus, answerText, answerUpload } from "./inspect.ts";
import { answerLive, type Loop, readLoop } from "./live.ts";
import { answerSite } from "./site.ts";
import { answerEvents, answerQuestion } from "./streams.ts";

export interface DemoOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

export interface Demo {
  /** Base URL without a final slash. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection and frees the port. */
  stop(): Promise<void>;
}

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly loop: Loop;
}

/** What answers below a first path segment; `rest` is what follows it. */
type Answer = (visit: Visit, rest: string) => void | Promise<void>;

const ROUTES: Readonly<Record<string, Answer>> = {
  answer: ({ request, response }) => answerQuestion(request, response),
  bytes: ({ request, response }, rest) => answerBytes(request, response, count(rest)),
  chunked: ({ request, response }, rest) => answerChunked(request, response, count(rest)),
  echo: ({ response }) => upgradeRequired(response),
  gzip: ({ request, response }, rest) => answerGzip(request, response, count(rest)),
  headers: ({ request, response }) => answerHeaders(request, response),
  live: ({ response, loop }, rest) => answerLive(response, rest, loop, Date.now()),
  "live.ts": ({ request, response, loop }) => answerEndless(request, response, loop),
  redirect: ({ response, url }) =>
    answerRedirect(
      response,
      url.searchParams.get("to") ?? "/",
      status(url.searchParams.get("status") ?? "302"),
    ),
  slow: ({ request, response, url }) =>
    answerSlow(
      request,
      response,
      count(url.searchParams.get("bytes") ?? "100000"),
      count(url.searchParams.get("ms") ?? "5000", DEMO_LIMITS.SLOW_MS_MAX),
    ),
  sse: ({ response, url }) => answerEvents(response, count(url.searchParams.get("count") ?? "1000000")),
  status: ({ response }, rest) => answerStatus(response, status(rest)),
  truncate: ({ response }, rest) => answerTruncated(response, count(rest)),
  upload: ({ request, response }) => answerUpload(request, response),
};

/** A request that the demo origin cannot make sense of; answered 400. */
class DemoRequestError extends Error {}

/**
 * Starts the demo origin.
 * @throws {PortTakenError} when something else listens on the port.
 */
export async function startDemo({ host, port }: DemoOptions): Promise<Demo> {
  const loop = await readLoop();
  const echo = createEcho();
  const server = createServer({ keepAliveTimeout: DEMO_LIMITS.KEEP_ALIVE_MS, requestTimeout: 0 });
  server.on("request", (request, response) => void answer({ request, response, loop }));
  server.on("upgrade", (request, socket, head) => {
    if (pathOf(request) === "/echo") echo.upgrade(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  await listen(server, { host, port, setting: "--demo-port" });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${formatAuthority(host, bound)}`,
    port: bound,
    stop: () => stop(server, echo.stop),
  };
}

async function answer({ request, response, loop }: Omit<Visit, "url">): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", "http://demo.invalid");
    if (answerSite(request, response, url.pathname)) return;
    const [, first = "", rest = ""] = /^\/([^/]*)\/?(.*)$/s.exec(url.pathname) ?? [];
    const route = Object.hasOwn(ROUTES, first) ? ROUTES[first] : undefined;
    if (route === undefined) answerText(response, 404, "Not found\n");
    else await route({ request, response, url, loop }, rest);
  } catch (error) {
    // A client that leaves ends its pipeline with an error; there is nobody to answer then.
    if (response.headersSent || response.destroyed) response.destroy();
    else if (error instanceof DemoRequestError) answerText(response, 400, `${error.message}\n`);
    else answerText(response, 500, "The demo origin failed\n");
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0] ?? "/";
}

function upgradeRequired(response: ServerResponse): void {
  response.setHeader("upgrade", "websocket");
  answerText(response, 426, "Connect with a WebSocket\n");
}

function count(text: string, max: number = DEMO_LIMITS.BODY_BYTES_MAX): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= max) return value;
  throw new DemoRequestError(`Cannot use "${text.slice(0, 40)}": want a whole number from 0 to ${max}`);
}

function status(text: string): number {
  const value = count(text, 599);
  if (value >= 200) return value;
  throw new DemoRequestError(`Cannot answer status ${value}: want 200 to 599`);
}

function stop(server: Server, stopEcho: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    stopEcho();
    server.closeAllConnections();
  });
}
