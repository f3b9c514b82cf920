// Messages of the control link between a relay and the edge: JSON, one per WebSocket message. Beside them "ping" is
// answered by "pong" as bare text, by the platform. Pure: schemas, types and the link's own close codes.

import * as v from "valibot";
import { AnswerSchema, OrderSchema } from "../control/orders.ts";
import { FLOW_LIMITS, LINK_LIMITS } from "../limits.ts";
import { BatchSchema } from "./batch.ts";
import { isRelayKind } from "./flow.ts";

const text = v.pipe(v.string(), v.maxLength(FLOW_LIMITS.TEXT_CHARS_MAX));

/** Listeners as `kind address`. */
const inbounds = v.pipe(v.array(text), v.maxLength(LINK_LIMITS.INBOUNDS_MAX));

/** JSON can spell numbers that JavaScript takes for infinite, and the next JSON for null. */
const amount = v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** One open session of the UDP tunnel, as pages show it. */
const TunnelSchema = v.object({
  /** This relay's end: a client's session at it, or its own at another. */
  role: v.picklist(["server", "client"]),
  /** The client's name, or the outbound's. */
  name: text,
  /** Where its packets come from or go to. */
  remote: text,
  /** What carries it. */
  engine: text,
  rtt_ms: amount,
  /** Part of the packets sent that were lost. */
  loss: amount,
  /** Bytes per second that the path delivers, as far as it was used. */
  rate: amount,
  streams: amount,
});
export type TunnelReport = v.InferOutput<typeof TunnelSchema>;

/** A relay speaks of its own traffic only, whoever holds its token: never of hosts and channels, nor of who watches them. */
const RelayBatchSchema = v.pipe(
  BatchSchema,
  v.check(({ services }) =>
    services.every(({ kind, channel }) => isRelayKind(kind) && channel === undefined),
  ),
  v.check(({ active, opened, closed }) =>
    [active, opened, closed].every((flows) => flows.every(({ kind }) => isRelayKind(kind))),
  ),
);

const HelloSchema = v.object({
  type: v.literal("hello"),
  /** The relay's name, the one its token is for. */
  name: text,
  /** The source of its batches: one of an earlier life has ended, and with it that life's connections. */
  source: text,
  version: text,
  inbounds,
});

/** An order's id on its link: chosen by the edge. */
const orderId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

/**
 * What a relay sends: a hello first, then batches, each once the one before it is acknowledged; its listeners and its tunnels'
 * sessions whenever they have changed; and for each order an answer.
 */
export const RelayMessageSchema = v.variant("type", [
  HelloSchema,
  v.object({ type: v.literal("inbounds"), inbounds }),
  v.object({
    type: v.literal("tunnels"),
    tunnels: v.pipe(v.array(TunnelSchema), v.maxLength(LINK_LIMITS.TUNNELS_MAX)),
  }),
  v.object({ type: v.literal("answer"), id: orderId, answer: AnswerSchema }),
  v.object({ type: v.literal("batch"), batch: RelayBatchSchema }),
]);
export type RelayMessage = v.InferOutput<typeof RelayMessageSchema>;

/** What the edge sends: a welcome for the hello, for each batch an acknowledgement once it is durable, and orders. */
export const EdgeMessageSchema = v.variant("type", [
  v.object({ type: v.literal("order"), id: orderId, order: OrderSchema }),
  v.object({ type: v.literal("welcome") }),
  v.object({ type: v.literal("ack"), seq: v.pipe(v.number(), v.safeInteger()) }),
]);
export type EdgeMessage = v.InferOutput<typeof EdgeMessageSchema>;

/** The subprotocol of Causeway's own WebSockets; the token stands beside it and is never echoed. */
export const LINK_SUBPROTOCOL = "causeway.v1";

/** Close codes of the link beside the standard ones (RFC 6455 section 7.4.2: 4000-4999 are private). */
export const LINK_CLOSE = {
  /** Another link of the same relay took over. */
  REPLACED: 4001,
  /** No ping came for too long. */
  SILENT: 4002,
} as const;

/** The message in `text`, or undefined when it is not one that `schema` knows; never throws. */
export function parseLinkMessage<T extends v.GenericSchema>(
  schema: T,
  text: string,
): v.InferOutput<T> | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = v.safeParse(schema, raw);
  return result.success ? result.output : undefined;
}
