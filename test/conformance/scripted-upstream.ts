// An upstream on bare sockets that answers each path with whatever bytes a suite says, however wrong, and tells what it was
// asked and how many connections it holds.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A head that never ends is not collected for ever. */
const HEAD_BYTES_MAX = 1024 * 1024;

export interface ScriptedRequest {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  /** The head's lines, without the final empty one. */
  readonly lines: readonly string[];
  readonly socket: Socket;
}

/** Plays one answer. What it writes goes out as it is; the connection stays open unless it ends it. */
export type Script = (request: ScriptedRequest) => void | Promise<void>;

export class ScriptedUpstream {
  readonly #server: Server;
  readonly #scripts = new Map<string, Script>();
  readonly #seen: ScriptedRequest[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#serve(socket));
  }

  static async start(): Promise<ScriptedUpstream> {
    // With Nagle's algorithm a second write would wait for the proxy's delayed ACK: 40 ms in which nobody can have seen it.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const upstream = new ScriptedUpstream(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** What was asked for `path`, the query aside, in order. */
  asked(path: string): readonly ScriptedRequest[] {
    return this.#seen.filter(({ target }) => target.split("?")[0] === path);
  }

  /** From now on requests for `path` get this answer: bytes as they are, or a script. */
  answer(path: string, reply: string | Buffer | Script): void {
    if (typeof reply === "function") this.#scripts.set(path, reply);
    else this.#scripts.set(path, ({ socket }) => void socket.write(toBytes(reply)));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    // A proxy that gives up closes; nothing here keeps the other half open on purpose.
    socket.on("end", () => socket.end());
    let head = Buffer.alloc(0);
    /** Bytes of an announced body that are still to come: on a kept connection they would be taken for the next head. */
    let body = 0;
    let inChunks = false;
    socket.on("data", (piece: Buffer) => {
      head = Buffer.concat([head, piece.subarray(Math.min(body, piece.length))]);
      body -= Math.min(body, piece.length);
      for (let end = head.indexOf("\r\n\r\n"); end >= 0; end = head.indexOf("\r\n\r\n")) {
        const text = head.toString("latin1", 0, end);
        if (inChunks) {
          // The last chunk is "0"; an answer to it would be one that nobody asked for.
          inChunks = !/(?:^|\n)0$/.test(text);
          head = head.subarray(end + 4);
          continue;
        }
        inChunks = /^transfer-encoding: *chunked$/im.test(text);
        const announced = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
        body = Math.max(0, announced - (head.length - end - 4));
        head = head.subarray(end + 4 + announced);
        this.#play(text, socket);
      }
      if (head.length > HEAD_BYTES_MAX) socket.destroy();
    });
  }

  #play(head: string, socket: Socket): void {
    const lines = head.split("\r\n");
    const [method = "", target = ""] = lines[0]?.split(" ") ?? [];
    const request = { method, target, lines, socket };
    this.#seen.push(request);
    this.#server.emit("asked");
    const script = this.#scripts.get(target.split("?")[0] ?? "");
    if (script) void script(request);
    else socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  }

  /** Resolves with the request number `count` for `path`, once it has come. */
  async untilAsked(path: string, count = 1): Promise<ScriptedRequest> {
    for (;;) {
      const request = this.asked(path)[count - 1];
      if (request) return request;
      await once(this.#server, "asked");
    }
  }
}

export function toBytes(text: string | Buffer): Buffer {
  return typeof text === "string" ? Buffer.from(text, "latin1") : text;
}

/** Resolves once a socket has ended, however. */
export function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
