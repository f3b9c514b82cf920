// The relays object: holds the relays' control links as hibernating WebSockets, hands their batches to the stats object
// and acknowledges each once it is durable there, and passes orders on to relays. Tokens and roles were checked before
// anything comes here.

import { DurableObject } from "cloudflare:workers";
import type { Answer, Order } from "../../shared/control/orders.ts";
import type { Batch, BatchReply } from "../../shared/flow/batch.ts";
import {
  type EdgeMessage,
  LINK_CLOSE,
  parseLinkMessage,
  type RelayMessage,
  RelayMessageSchema,
  type TunnelReport,
} from "../../shared/flow/link.ts";
import type { LinkSnapshot } from "../../shared/flow/snapshot.ts";
import { LINK_LIMITS } from "../../shared/limits.ts";
import { answerClose, switchingProtocols } from "../stats/socket.ts";
import { PendingOrders, refusal } from "./orders.ts";

/** The binding that this object needs, as it needs it. */
interface RelaysEnv {
  readonly STATS: {
    getByName(name: string): {
      ingest(batch: Batch): Promise<BatchReply>;
      setLink(link: LinkSnapshot, source?: string): Promise<void>;
      setTunnels(name: string, tunnels: TunnelReport[]): Promise<void>;
    };
  };
}

/** 16 of 200 characters each stay below the 16 KiB of an attachment even where a character takes three bytes. */
const ATTACHED_INBOUNDS_MAX = 16;

/** What survives hibernation with a socket. */
interface Attachment {
  name: string;
  /** When the socket was accepted: milliseconds since the epoch. */
  since: number;
  /** The relay has introduced itself. */
  greeted: boolean;
  /** What its batches come from, as its hello said. */
  source: string;
  version: string;
  inbounds: string[];
}

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment;
}

function reply(socket: WebSocket, message: EdgeMessage): void {
  socket.send(JSON.stringify(message));
}

/** A relay speaks for itself only: its sources cannot be mistaken for another relay's or an isolate's. */
function sourceOf(name: string, source: string): string {
  return `${name}/${source}`;
}

/** The batch as it counts: a relay's services are called after it, and what it says of others' is "other". */
function owned(batch: Batch, name: string): Batch {
  const own = <T extends { service: string }>(row: T): T =>
    row.service.startsWith(`${name}/`) ? row : { ...row, service: "other" };
  const { services, active, opened, closed } = batch;
  return {
    ...batch,
    services: services.map(own),
    active: active.map(own),
    opened: opened.map(own),
    closed: closed.map(own),
  };
}

/** A relay that is there, and what it says of itself. */
export interface RelayStatus {
  readonly name: string;
  readonly answer: Answer;
}

export class Relays extends DurableObject<RelaysEnv> {
  readonly #orders = new PendingOrders();
  /** Links whose batch is on its way to the stats object. */
  readonly #reporting = new Set<WebSocket>();

  constructor(ctx: DurableObjectState, env: RelaysEnv) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Takes a relay's upgrade; `X-Causeway-Relay` is the name that its token belongs to. */
  override async fetch(request: Request): Promise<Response> {
    const name = request.headers.get("X-Causeway-Relay");
    if (!name || request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
      return new Response(null, { status: 426, headers: { Upgrade: "websocket" } });
    // The older link may be the dead half of a connection that the relay has given up.
    for (const older of this.#open(name)) this.#replace(older);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [name]);
    const attachment: Attachment = {
      name,
      since: Date.now(),
      greeted: false,
      source: "",
      version: "",
      inbounds: [],
    };
    server.serializeAttachment(attachment);
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + LINK_LIMITS.SILENT_MS);
    return switchingProtocols(request, client);
  }

  #replace(older: WebSocket): void {
    older.close(LINK_CLOSE.REPLACED, "link_replaced");
    // Its own end may take as long as the dead connection does.
    this.#orders.lost(older);
  }

  /** Names of the relays whose link is up. */
  async connected(): Promise<string[]> {
    const links = this.#open().map(attachmentOf);
    return links.filter((link) => link.greeted).map((link) => link.name);
  }

  /** Has the relay `name` carry an order out; never rejects for what the relay says or does not say. */
  async order(name: string, order: Order): Promise<Answer> {
    const link = this.#open(name).find((socket) => attachmentOf(socket).greeted);
    return link ? this.#order(link, order) : refusal("relay_not_connected");
  }

  /** Asks all relays whose link is up, at once, how they are. */
  async status(): Promise<RelayStatus[]> {
    const links = this.#open().filter((socket) => attachmentOf(socket).greeted);
    return Promise.all(
      links.map(async (link) => ({
        name: attachmentOf(link).name,
        answer: await this.#order(link, { do: "status" }),
      })),
    );
  }

  #order(link: WebSocket, order: Order): Promise<Answer> {
    return this.#orders.give(link, order, (id) => reply(link, { type: "order", id, order }));
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    if (typeof data !== "string") {
      socket.close(1003, "text_expected");
    } else if (data.length > LINK_LIMITS.MESSAGE_BYTES_MAX) {
      socket.close(1009, "message_too_large");
    } else {
      const message = parseLinkMessage(RelayMessageSchema, data);
      if (!message) socket.close(1008, "message_malformed");
      else if (message.type === "hello") await this.#greet(socket, message);
      else if (!attachmentOf(socket).greeted) socket.close(1008, "hello_expected");
      else await this.#heed(socket, message);
    }
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    answerClose(socket, code, reason);
    await this.#gone(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    socket.close(1011, "socket_error");
    await this.#gone(socket);
  }

  /** Ends links without a ping: a peer that lost its network never says so. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const sockets = this.#open();
    if (sockets.length > 0) await this.ctx.storage.setAlarm(now + LINK_LIMITS.SILENT_MS);
    for (const socket of sockets) {
      const pingedAt = this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
      const heardAt = Math.max(pingedAt, attachmentOf(socket).since);
      if (now - heardAt < LINK_LIMITS.SILENT_MS) continue;
      socket.close(LINK_CLOSE.SILENT, "link_silent");
      await this.#gone(socket);
    }
  }

  async #greet(socket: WebSocket, hello: Extract<RelayMessage, { type: "hello" }>): Promise<void> {
    const attachment = attachmentOf(socket);
    if (hello.name !== attachment.name || attachment.greeted) {
      socket.close(1008, attachment.greeted ? "hello_repeated" : "relay_name_mismatch");
      return;
    }
    const { name, source, version, inbounds } = hello;
    // Attachments hold 16 KiB: the listeners go to the stats object, only their beginning stays here.
    const kept = inbounds.slice(0, ATTACHED_INBOUNDS_MAX);
    socket.serializeAttachment({
      ...attachment,
      greeted: true,
      source,
      version,
      inbounds: kept,
    } satisfies Attachment);
    const link = { name, connected: true, since: attachment.since, version, inbounds };
    await this.#stats().setLink(link, sourceOf(name, source));
    reply(socket, { type: "welcome" });
  }

  async #heed(socket: WebSocket, message: Exclude<RelayMessage, { type: "hello" }>): Promise<void> {
    switch (message.type) {
      case "batch":
        await this.#report(socket, message);
        break;
      case "inbounds":
        await this.#setInbounds(socket, message.inbounds);
        break;
      case "tunnels":
        await this.#stats().setTunnels(attachmentOf(socket).name, message.tunnels);
        break;
      case "answer":
        this.#orders.answered(socket, message.id, message.answer);
        break;
    }
  }

  async #setInbounds(socket: WebSocket, inbounds: string[]): Promise<void> {
    const attachment = attachmentOf(socket);
    const { name, since, version } = attachment;
    const kept = inbounds.slice(0, ATTACHED_INBOUNDS_MAX);
    socket.serializeAttachment({ ...attachment, inbounds: kept } satisfies Attachment);
    await this.#stats().setLink({ name, connected: true, since, version, inbounds });
  }

  async #report(socket: WebSocket, message: Extract<RelayMessage, { type: "batch" }>): Promise<void> {
    const { name, source: life } = attachmentOf(socket);
    // Each source costs memory and a row, and a batch may be large: one of each at a time, whoever holds the token.
    if (message.batch.source !== life || this.#reporting.has(socket)) {
      socket.close(1008, message.batch.source === life ? "batch_too_early" : "source_mismatch");
      return;
    }
    const source = sourceOf(name, life);
    this.#reporting.add(socket);
    try {
      const { ack } = await this.#stats().ingest({
        ...owned(message.batch, name),
        source,
        origin: "relay",
        name,
      });
      reply(socket, { type: "ack", seq: ack });
    } catch {
      // Unacknowledged, so the relay keeps the batch and sends it again over its next link.
      socket.close(1013, "stats_unavailable");
    } finally {
      this.#reporting.delete(socket);
    }
  }

  /** Reports a link as down unless a newer one of the same relay is up. */
  async #gone(socket: WebSocket): Promise<void> {
    this.#orders.lost(socket);
    const { name, greeted, version, inbounds } = attachmentOf(socket);
    if (!greeted || this.#open(name).some((other) => other !== socket)) return;
    await this.#stats().setLink({ name, connected: false, since: Date.now(), version, inbounds });
  }

  /** Without those already closed from this side whose peer has not answered. */
  #open(name?: string): WebSocket[] {
    return this.ctx.getWebSockets(name).filter((socket) => socket.readyState === WebSocket.OPEN);
  }

  #stats() {
    return this.env.STATS.getByName("root");
  }
}
