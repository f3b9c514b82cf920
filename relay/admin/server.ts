// The admin API's socket: node:http parses, the app of web requests answers. Bodies are short both ways, so each is held
// whole; what is larger or slower than an order is refused before the app sees it.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { CausewayError, ERRORS } from "../../shared/errors.ts";
import { ORDER_LIMITS } from "../../shared/limits.ts";
import { listenAt } from "../inbound/registry.ts";
import { listen } from "../serve/listen.ts";
import { type AdminDeps, adminApp } from "./app.ts";

export interface AdminServer {
  readonly address: string;
  readonly port: number;
  /** Ends at once: whoever has the token can ask again. */
  stop(): Promise<void>;
}

/** Listens at `at` (`host:port`, as the schema accepts it). @throws PortTakenError naming relay.admin */
export async function startAdmin(at: string, deps: Omit<AdminDeps, "port">): Promise<AdminServer> {
  let port = 0;
  const app = adminApp({ ...deps, port: () => port });
  const server = createServer({
    headersTimeout: ORDER_LIMITS.REQUEST_TIMEOUT_MS,
    requestTimeout: ORDER_LIMITS.REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: ORDER_LIMITS.REQUEST_TIMEOUT_MS / 4,
  });
  server.on("request", (req, res) => {
    void answer(req, res, (request) => app.fetch(request));
  });
  const bound = await listen(server, listenAt(at, "relay.admin"));
  // An error while accepting (no descriptors left) must not end the process; the next accept may work.
  server.on("error", () => undefined);
  port = bound.port;
  return { address: bound.address, port, stop: () => stop(server) };
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Never rejects. */
async function answer(req: IncomingMessage, res: ServerResponse, fetch: Fetch): Promise<void> {
  try {
    const request = await toRequest(req);
    const reply = request instanceof CausewayError ? refusal(request) : await fetch(request);
    const body = Buffer.from(await reply.arrayBuffer());
    res.writeHead(reply.status, Object.fromEntries(reply.headers));
    // A body that was not read to its end would be taken for the next request.
    if (!req.complete) res.shouldKeepAlive = false;
    res.end(req.method === "HEAD" ? undefined : body);
  } catch {
    // The client has gone, or its socket broke.
    res.destroy();
  }
}

/** The request as the app takes it; an error when it is none or too long. */
async function toRequest(req: IncomingMessage): Promise<Request | CausewayError> {
  // Only paths: a proxy's absolute form would bring a host of its own.
  const path = req.url ?? "";
  const url = path.startsWith("/") ? URL.parse(`http://relay.internal${path}`) : null;
  const method = req.method ?? "GET";
  if (url === null || url.host !== "relay.internal" || /^(?:CONNECT|TRACE|TRACK)$/i.test(method))
    return new CausewayError("bad_request");
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ORDER_LIMITS.BODY_BYTES_MAX) return new CausewayError("request_too_large");
    pieces.push(chunk);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  const body = method === "GET" || method === "HEAD" || length === 0 ? null : Buffer.concat(pieces);
  return new Request(url, { method, headers, body });
}

function refusal({ code, message }: CausewayError): Response {
  return Response.json({ error: { code, message } }, { status: ERRORS[code].status });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
