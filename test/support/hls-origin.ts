// A channel's origin under a test's control: each path answers what the test says, and every request is remembered.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface SeenRequest {
  readonly method: string;
  /** With query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

type OriginHandler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

export interface HlsOrigin {
  readonly url: string;
  readonly port: number;
  /** Everything asked so far, oldest first. */
  readonly seen: readonly SeenRequest[];
  /** Requests of a path so far, whatever their query. */
  count(path: string): number;
  /** Sets what `path` answers. */
  on(path: string, handler: OriginHandler): void;
  /** `path` answers these bytes, with Range and the given headers. */
  file(path: string, body: Uint8Array | string, headers?: Readonly<Record<string, string>>): void;
  /** Refuses connections until resume. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export async function startHlsOrigin(host = "127.0.0.1"): Promise<HlsOrigin> {
  const handlers = new Map<string, OriginHandler>();
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://origin");
    seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    const handler = handlers.get(url.pathname);
    if (!handler) {
      response.writeHead(404).end("no such file");
      return;
    }
    void handler(request, response, url);
  });
  server.keepAliveTimeout = 65_000;
  const listen = async (port: number): Promise<number> => {
    server.listen(port, host);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  const port = await listen(0);
  return {
    url: `http://${host}:${port}`,
    port,
    seen,
    count: (path) => seen.filter(({ url }) => url.split("?", 1)[0] === path).length,
    on: (path, handler) => void handlers.set(path, handler),
    file: (path, body, headers = {}) => void handlers.set(path, fileHandler(body, headers)),
    pause: close,
    resume: async () => void (await listen(port)),
    stop: close,
  };
}

function fileHandler(body: Uint8Array | string, headers: Readonly<Record<string, string>>): OriginHandler {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return (request, response) => {
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (!match) {
      response.writeHead(200, { "content-length": bytes.byteLength, ...headers });
      response.end(request.method === "HEAD" ? undefined : bytes);
      return;
    }
    const first = Number(match[1]);
    const end = match[2] === "" ? bytes.byteLength : Math.min(Number(match[2]) + 1, bytes.byteLength);
    if (first >= bytes.byteLength) {
      response.writeHead(416, { "content-range": `bytes */${bytes.byteLength}` }).end();
      return;
    }
    const range = {
      "content-length": end - first,
      "content-range": `bytes ${first}-${end - 1}/${bytes.byteLength}`,
    };
    response.writeHead(206, { ...range, ...headers });
    response.end(bytes.subarray(first, end));
  };
}

/** Bytes that differ everywhere, the same for the same seed. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
