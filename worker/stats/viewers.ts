// The dashboards on the stats object: hibernating WebSockets that get every message, or are closed when they lag.
// Knows sockets, not what the messages say beyond their type.

import type { Batch } from "../../shared/flow/batch.ts";
import { type ConnectionEvents, RENEW_CLOSE, type StatsMessage } from "../../shared/flow/snapshot.ts";
import { STATS_LIMITS } from "../../shared/limits.ts";
import { switchingProtocols } from "./socket.ts";

const TAG = "viewer";

export class Viewers {
  readonly #ctx: DurableObjectState;
  #events: ConnectionEvents = noEvents();
  #sentAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** Connected dashboards. */
  get count(): number {
    return this.#open().length;
  }

  /** Those and the closed ones that have not gone: their backlog is held until they read on or leave. */
  get held(): number {
    return this.#ctx.getWebSockets(TAG).length;
  }

  /** Takes a dashboard in and sends it `first`. */
  accept(request: Request, first: StatsMessage): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    server.serializeAttachment(Date.now());
    server.send(JSON.stringify(first));
    return switchingProtocols(request, client);
  }

  /** Sends a message to every dashboard; one that does not keep up is closed 1013, one that is due for it to renew itself. */
  broadcast(message: StatsMessage): void {
    const sockets = this.#open();
    if (sockets.length === 0) return;
    const text = JSON.stringify(message);
    for (const socket of sockets) {
      try {
        if (socket.bufferedAmount > STATS_LIMITS.SOCKET_BUFFER_BYTES) socket.close(1013, "viewer_lagging");
        else if (message.type === "snapshot" && isDue(socket, message.at)) socket.close(RENEW_CLOSE, "renew");
        else socket.send(text);
      } catch {
        // The peer vanished between the check and the send; its close event follows.
      }
    }
  }

  /** Sends a batch's connection events: at once, or with those of other sources when messages would come too fast. */
  announce(batch: Batch, now: number): void {
    if (batch.opened.length + batch.closed.length + batch.events_dropped === 0 || this.count === 0) return;
    const { opened, closed } = this.#events;
    const room = STATS_LIMITS.EVENTS_MESSAGE_MAX;
    const before = opened.length + closed.length;
    opened.push(...batch.opened.slice(0, room - opened.length));
    closed.push(...batch.closed.slice(0, room - closed.length));
    const added = opened.length + closed.length - before;
    this.#events.dropped += batch.events_dropped + batch.opened.length + batch.closed.length - added;
    if (this.#timer !== undefined) return;
    const wait = this.#sentAt + STATS_LIMITS.EVENTS_INTERVAL_MS - now;
    if (wait <= 0) this.#sendEvents();
    else this.#timer = setTimeout(() => this.#sendEvents(), wait);
  }

  /** Without those already closed from this side whose peer has not answered. */
  #open(): WebSocket[] {
    return this.#ctx.getWebSockets(TAG).filter((socket) => socket.readyState === WebSocket.OPEN);
  }

  #sendEvents(): void {
    this.#timer = undefined;
    this.#sentAt = Date.now();
    this.broadcast(this.#events);
    this.#events = noEvents();
  }
}

/** Whether the socket has been open for too long without a look at who is behind it. */
function isDue(socket: WebSocket, now: number): boolean {
  return now - Number(socket.deserializeAttachment()) >= STATS_LIMITS.VIEWER_TTL_MS;
}

function noEvents(): ConnectionEvents {
  return { type: "connections", opened: [], closed: [], dropped: 0 };
}
