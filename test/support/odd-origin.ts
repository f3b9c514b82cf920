// An origin that misbehaves in the ways that end-to-end tests of the proxy need, and tells what became of its requests.

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface OddOrigin {
  readonly url: string;
  /** Resolves when a request for that path has come in. */
  requested(path: string): Promise<IncomingMessage>;
  stop(): Promise<void>;
}

/**
 * Paths: /hang and /hang.ts never answer; /drip sends a byte each 50 ms without end; /take answers once it has read the body;
 * /request-id names its own; everything else answers with the request target as it came.
 */
export async function startOddOrigin(): Promise<OddOrigin> {
  const seen = new Map<string, IncomingMessage>();
  const server = createServer((request, response) => {
    seen.set(request.url ?? "", request);
    server.emit("seen");
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async requested(path) {
      for (;;) {
        const request = seen.get(path);
        if (request) return request;
        await once(server, "seen");
      }
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? "").split("?")[0];
  if (path === "/hang" || path === "/hang.ts") return;
  if (path === "/request-id") response.setHeader("X-Request-Id", "the-upstream's");
  if (path === "/drip") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const timer = setInterval(() => response.write("x"), 50);
    response.on("close", () => clearInterval(timer));
    return;
  }
  if (path === "/take") {
    request.resume();
    request.on("end", () => response.end());
    return;
  }
  response.end(request.url);
}
