// An origin of transport streams under a test's control: each path streams as the test says, connections are counted, and
// can be dropped while others go on.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StreamMaker } from "./transport-stream.ts";

/** How a path answers. */
export interface StreamPlan {
  /** Groups of pictures a second; 0: none but the first. */
  readonly rate?: number;
  /** Pictures of a group: each is 3 packets, and one of sound with it. */
  readonly pictures?: number;
  /** The same group again and again, whatever its counters say: for streams that are to be fast. */
  readonly still?: boolean;
  /** Byte that the pictures are filled with: tells whose stream it is. */
  readonly fill?: number;
  /** Answers this instead of a stream. */
  readonly instead?: (response: ServerResponse) => void;
}

export interface TsOrigin {
  readonly url: string;
  /** Header fields of the last request of a path. */
  headers(path: string): IncomingHttpHeaders | undefined;
  /** Requests of a path so far. */
  count(path: string): number;
  /** Connections of a path that are open now. */
  open(path: string): number;
  set(path: string, plan: StreamPlan): void;
  /** Breaks all connections of a path. */
  drop(path: string): void;
  stop(): Promise<void>;
}

export async function startTsOrigin(): Promise<TsOrigin> {
  const plans = new Map<string, StreamPlan>();
  const counts = new Map<string, number>();
  const responses = new Map<string, Set<ServerResponse>>();
  const headers = new Map<string, IncomingHttpHeaders>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    headers.set(path, request.headers);
    counts.set(path, (counts.get(path) ?? 0) + 1);
    const plan = plans.get(path);
    if (!plan) return void response.writeHead(404).end("nothing");
    if (plan.instead) return plan.instead(response);
    const open = responses.get(path) ?? new Set();
    responses.set(path, open.add(response));
    response.once("close", () => open.delete(response));
    stream(response, plan);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    headers: (path) => headers.get(path),
    count: (path) => counts.get(path) ?? 0,
    open: (path) => responses.get(path)?.size ?? 0,
    set: (path, plan) => void plans.set(path, plan),
    drop: (path) => responses.get(path)?.forEach((response) => void response.destroy()),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function stream(response: ServerResponse, plan: StreamPlan): void {
  const { rate = 10, pictures = 4, fill = 0x55, still = false } = plan;
  const maker = new StreamMaker();
  const first = maker.group(pictures, fill);
  response.writeHead(200, { "content-type": "application/octet-stream" });
  response.write(first);
  if (rate === 0) return;
  const next = () => response.write(still ? first : maker.group(pictures, fill));
  const timer = setInterval(next, 1_000 / rate);
  response.once("close", () => clearInterval(timer));
}

/** One who watches: collects what comes. */
export class TestViewer {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(response: Response) {
    if (!response.body) throw new Error(`There is no stream: ${response.status}`);
    this.response = response;
    this.#reader = response.body.getReader();
  }

  /** All that has been read. */
  get received(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  /** Reads on until `done` says so of what has been read; rejects when the stream breaks, or ends, which it never should. */
  async until(done: (bytes: number, last: Uint8Array) => boolean): Promise<Uint8Array> {
    for (;;) {
      const read = await this.#reader.read();
      if (read.done) throw new Error("The stream has ended");
      this.#pieces.push(read.value);
      this.#bytes += read.value.byteLength;
      if (done(this.#bytes, read.value)) return this.received;
    }
  }

  /** Until pictures filled with this byte come. */
  async untilFilled(fill: number): Promise<Uint8Array> {
    return await this.until((_, last) => Buffer.from(last).includes(Buffer.alloc(30, fill)));
  }

  /** At least `bytes` of it. */
  take(bytes: number): Promise<Uint8Array> {
    return this.until((taken) => taken >= bytes);
  }

  async leave(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }
}
