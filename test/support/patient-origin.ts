// An origin whose replies and requests take as long as a test needs, for tests of what is counted and held meanwhile.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What of /stuck comes, of 900,000 bytes announced. */
export const STUCK_BYTES = 400_000;

/**
 * Answers /flood with 64 KiB each 20 ms without end, /stuck with less than half of what it announces, /take once it has the
 * whole body, /wait when it is told to, anything else with the fields that it was sent.
 */
export class PatientOrigin {
  readonly #server: Server;
  readonly #waiting: (() => void)[] = [];

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<PatientOrigin> {
    const origin = new PatientOrigin();
    origin.#server.listen(0, "127.0.0.1");
    await once(origin.#server, "listening");
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once `count` requests for /wait wait. */
  async untilWaiting(count: number): Promise<void> {
    while (this.#waiting.length < count) await once(this.#server, "waiting");
  }

  /** Answers the request for /wait that has waited longest. */
  letGo(): void {
    this.#waiting.shift()?.();
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === "/flood") {
      response.writeHead(200, { "Content-Type": "application/octet-stream" });
      const timer = setInterval(() => response.write(Buffer.alloc(64 * 1024)), 20);
      response.on("close", () => clearInterval(timer));
    } else if (request.url === "/stuck") {
      response.writeHead(200, { "Content-Length": 900_000 });
      response.write(Buffer.alloc(STUCK_BYTES));
    } else if (request.url === "/take") {
      request.resume().on("end", () => response.end("taken"));
    } else if (request.url === "/wait") {
      this.#waiting.push(() => response.end("waited"));
      this.#server.emit("waiting");
    } else {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(request.headers));
    }
  }
}
