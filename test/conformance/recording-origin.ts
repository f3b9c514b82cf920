// A well-behaved upstream on Node's own HTTP server that records what arrives, byte for byte as far as HTTP shows it, and
// answers as its path says. For suites; paths are part of their contract.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What /echo answers: the request as it arrived. */
export interface Recorded {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  /** Names in lower case, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * /echo answers with what arrived; /fields with the fields of its query; /body/N with N bytes and ranges of them; /chunks
 * with three chunks, each sent when the test lets it go; /status/N with that status; /number with the number in its query.
 */
export class RecordingOrigin {
  readonly #server: Server;
  readonly #seen: string[] = [];
  #opened = 0;
  #goOn: () => void = () => undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#answer(request, response));
    server.on("checkContinue", (request, response) => {
      response.writeContinue();
      void this.#answer(request, response);
    });
    server.on("connection", () => {
      this.#opened++;
    });
  }

  static async start(): Promise<RecordingOrigin> {
    const server = createServer({ maxHeaderSize: 256 * 1024, keepAliveTimeout: 60_000 });
    const origin = new RecordingOrigin(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Targets of all requests so far. */
  get targets(): readonly string[] {
    return this.#seen;
  }

  /** Lets the next chunk of /chunks go. */
  letGo(): void {
    this.#goOn();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://origin.invalid");
    this.#seen.push(request.url ?? "");
    const [, first = "", rest = ""] = /^\/([^/]*)\/?(.*)$/.exec(url.pathname) ?? [];
    // A proxy that breaks a request off is answered by nobody.
    if (first === "echo") await echo(request, response).catch(() => response.destroy());
    else if (first === "fields") {
      response.writeHead(200, [...url.searchParams].flat());
      response.end();
    } else if (first === "body") sendBody(request, response, Number(rest));
    else if (first === "chunks") await this.#sendChunks(response);
    else if (first === "status") response.writeHead(Number(rest)).end();
    else if (first === "number") response.end(numberBody(Number(url.searchParams.get("n"))));
    else response.writeHead(404).end();
  }

  async #sendChunks(response: ServerResponse): Promise<void> {
    response.flushHeaders();
    for (const chunk of ["one", "two", "three"]) {
      response.write(chunk);
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
    }
    response.end();
  }
}

/** A body that only this number has: its length and its content differ from every other's. */
export function numberBody(n: number): string {
  return `${n},`.repeat(1_000 + n * 7);
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
  }
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
    fields.push([(request.rawHeaders[at] ?? "").toLowerCase(), request.rawHeaders[at + 1] ?? ""]);
  const { method = "", url: target = "" } = request;
  const recorded: Recorded = { method, target, fields, bytes, sha256: hash.digest("hex") };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(recorded));
}

function sendBody(request: IncomingMessage, response: ServerResponse, length: number): void {
  const body = Buffer.alloc(length, "0123456789");
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  if (from === undefined || to === undefined) {
    response.writeHead(200, { "content-length": length, "accept-ranges": "bytes" }).end(body);
    return;
  }
  const part = body.subarray(Number(from), Number(to) + 1);
  if (part.length === 0) {
    response.writeHead(416, { "content-range": `bytes */${length}`, "content-length": 0 }).end();
    return;
  }
  const headers = { "content-range": `bytes ${from}-${to}/${length}`, "content-length": part.length };
  response.writeHead(206, headers).end(part);
}
