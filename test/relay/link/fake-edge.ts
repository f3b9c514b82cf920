// An edge for tests of the link: a real WebSocket server that counts batches once, as the stats object does, and that
// can refuse, fall silent, repeat itself, and go away and come back on the same port.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Answer } from "../../../shared/control/orders.ts";
import type { Batch } from "../../../shared/flow/batch.ts";
import { parseLinkMessage, RelayMessageSchema } from "../../../shared/flow/link.ts";

export class FakeEdge {
  readonly hellos: { name: string; source: string; version: string; inbounds: string[] }[] = [];
  /** Batches as they came, repeated ones too. */
  readonly batches: Batch[] = [];
  /** What listened, as told after the hello. */
  readonly inbounds: string[][] = [];
  readonly answers: { id: string; answer: Answer }[] = [];
  readonly protocols: string[] = [];
  readonly paths: (string | undefined)[] = [];
  /** What happens to a batch; `deaf`: it is neither stored nor answered. */
  fate: "ack" | "ack twice" | "deaf" | "drop after storing" = "ack";
  /** Bytes towards clients, of batches stored once each. */
  down = 0;
  requests = 0;
  connections = 0;
  #server: WebSocketServer | undefined;
  #port = 0;
  readonly #merged = new Map<string, number>();

  async start(): Promise<void> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: this.#port });
    server.on("connection", (socket, request) => {
      this.connections++;
      this.paths.push(request.url);
      this.protocols.push(request.headers["sec-websocket-protocol"] ?? "");
      socket.on("message", (data) => this.#hear(socket, String(data)));
    });
    await once(server, "listening");
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  /** Gone at once, as when the process is killed. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of server.clients) socket.terminate();
    await closed;
  }

  dropAll(): void {
    for (const socket of this.#server?.clients ?? []) socket.terminate();
  }

  say(text: string): void {
    for (const socket of this.#server?.clients ?? []) socket.send(text);
  }

  closeAll(code: number, reason: string): void {
    for (const socket of this.#server?.clients ?? []) socket.close(code, reason);
  }

  #hear(socket: WebSocket, text: string): void {
    const message = parseLinkMessage(RelayMessageSchema, text);
    if (text === "ping") {
      socket.send("pong");
    } else if (message?.type === "hello") {
      this.hellos.push(message);
      socket.send(JSON.stringify({ type: "welcome" }));
    } else if (message?.type === "inbounds") {
      this.inbounds.push(message.inbounds);
    } else if (message?.type === "answer") {
      this.answers.push(message);
    } else if (message?.type === "batch") {
      this.#report(socket, message.batch);
    } else if (message?.type !== "tunnels") {
      socket.close(1008, "message_malformed");
    }
  }

  #report(socket: WebSocket, batch: Batch): void {
    this.batches.push(batch);
    if (this.fate === "deaf") return;
    if ((this.#merged.get(batch.source) ?? 0) < batch.seq) {
      this.#merged.set(batch.source, batch.seq);
      for (const { down, requests } of batch.services) {
        this.down += down;
        this.requests += requests;
      }
    }
    if (this.fate === "drop after storing") {
      socket.terminate();
    } else {
      const times = this.fate === "ack twice" ? 2 : 1;
      for (let i = 0; i < times; i++) socket.send(JSON.stringify({ type: "ack", seq: batch.seq }));
    }
  }
}
