// The carrier where UDP does not pass (docs/UDPACK.md section 10): each datagram is one binary message of a WebSocket.

import type { WebSocket } from "ws";
import { UDPACK_ENDPOINT_LIMITS, UDPACK_ENGINE_LIMITS } from "../../../shared/limits.ts";
import { type EngineListener, newEngineCounters, type PacketEngine, type Remote } from "../engine/engine.ts";

/** Close codes of RFC 6455 section 7.4.1. */
const NORMAL = 1_000;
const UNSUPPORTED = 1_003;

export class WebSocketEngine implements PacketEngine {
  readonly kind = "websocket";
  readonly local: Remote;
  readonly remote: Remote;
  readonly receiveBufferBytes = UDPACK_ENDPOINT_LIMITS.WEBSOCKET_BACKLOG_BYTES;
  readonly sendBufferBytes = UDPACK_ENDPOINT_LIMITS.WEBSOCKET_BACKLOG_BYTES;
  readonly forbidsFragments = true;
  readonly reliable = true;
  readonly counters = newEngineCounters();
  readonly #socket: WebSocket;
  readonly #listener: EngineListener;
  /** Made when something is to be sent: whoever can open a connection has one of these. */
  #batch: Buffer | undefined;
  readonly #sent = (error?: Error | null) => {
    if (error) this.counters.sendErrors += 1;
    else this.#listener.drained(this);
  };

  /** @param socket open, made with the limit of docs/UDPACK.md for a message */
  constructor(socket: WebSocket, local: Remote, remote: Remote, listener: EngineListener) {
    this.local = local;
    this.remote = remote;
    this.#socket = socket;
    this.#listener = listener;
    socket.on("message", (data, isBinary) => {
      if (!isBinary) {
        socket.close(UNSUPPORTED);
        return;
      }
      this.counters.receiveCalls += 1;
      // The default binary type gives one Buffer per message.
      listener.received(data as Buffer, remote, this);
    });
    socket.on("error", () => {
      this.counters.receiveErrors += 1;
    });
    socket.on("close", () => listener.ended(this));
  }

  batch(): Buffer {
    this.#batch ??= Buffer.allocUnsafeSlow(UDPACK_ENDPOINT_LIMITS.WEBSOCKET_MESSAGE_BYTES_MAX);
    return this.#batch;
  }

  send(length: number, segment: number, _remote: Remote): void {
    const batch = this.#batch;
    if (batch === undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    // Sessions look at the backlog themselves; answers to handshakes of a peer that never reads do not.
    if (this.#socket.bufferedAmount > UDPACK_ENGINE_LIMITS.BACKLOG_BYTES_MAX) {
      this.counters.dropped += 1;
      return;
    }
    for (let at = 0; at < length; at += segment) {
      const end = Math.min(length, at + segment);
      this.counters.sendCalls += 1;
      this.counters.sentDatagrams += 1;
      // A copy: the socket masks and keeps what it is given until it was sent.
      const message = Buffer.from(batch.subarray(at, end));
      if (end === length) this.#socket.send(message, this.#sent);
      else this.#socket.send(message);
    }
  }

  backlogBytes(): number {
    return this.#socket.bufferedAmount;
  }

  close(): void {
    this.#socket.close(NORMAL);
  }
}
