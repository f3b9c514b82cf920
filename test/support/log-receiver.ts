// A log service for end-to-end tests: takes batches of JSON lines, remembers them, and fails while told to.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { vi } from "vitest";

export interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly records: readonly Record<string, unknown>[];
  /** As it came. */
  readonly text: string;
}

export class LogReceiver {
  /** Every batch, taken or not. */
  readonly posts: Post[] = [];
  /** What batches are answered; 0 leaves them without an answer. */
  status = 204;
  readonly #server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    const records = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    this.posts.push({ headers: request.headers, records, text });
    if (this.status !== 0) response.writeHead(this.status).end();
  });

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/logs?secret=query`;
  }

  /** Records of requests whose path begins with `path`, of every batch once. */
  records(path: string): Record<string, unknown>[] {
    const batches = new Map(this.posts.map((post) => [post.headers["x-causeway-batch"], post.records]));
    return [...batches.values()].flat().filter((record) => String(record.path).startsWith(path));
  }

  /** Waits for `count` records of a path; they must not become more. */
  async untilRecords(path: string, count = 1): Promise<Record<string, unknown>[]> {
    await vi.waitFor(
      () => {
        const { length } = this.records(path);
        if (length < count) throw new Error(`${length} records of ${path} have come, expected ${count}`);
      },
      { timeout: 15_000, interval: 50 },
    );
    return this.records(path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
