// The batch: what one source (an isolate or a relay) reports to the stats object, and the reply to it.
// Batches of a source are numbered 1, 2, 3… and sent one at a time until acknowledged, so that each is merged once.

import * as v from "valibot";
import { FLOW_LIMITS } from "../limits.ts";
import { ChannelDeltaSchema } from "./channel.ts";
import { CLOSE_REASONS, FLOW_KINDS } from "./flow.ts";
import type { QuotaNews, ServiceTerms } from "./quota.ts";
import { RefusalsSchema } from "./refusals.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Milliseconds since the epoch: what a Date can be, or whoever shows it as one fails. */
const time = v.pipe(count, v.maxValue(8_640_000_000_000_000));
const text = v.pipe(v.string(), v.maxLength(FLOW_LIMITS.TEXT_CHARS_MAX));
const kind = v.picklist(FLOW_KINDS);

const flowEntries = {
  id: text,
  kind,
  service: text,
  client: text,
  target: text,
  user: text,
  started_at: time,
  up: count,
  down: count,
};

const FlowRecordSchema = v.object(flowEntries);
const ClosedFlowSchema = v.object({
  ...flowEntries,
  ended_at: time,
  reason: v.picklist(CLOSE_REASONS),
});
const ServiceDeltaSchema = v.object({
  service: text,
  kind,
  requests: count,
  up: count,
  down: count,
  messages_up: count,
  messages_down: count,
  aborted: count,
  errors: count,
  hits: count,
  misses: count,
  /** Flows open when the batch was sealed: a gauge, not a delta. */
  active: count,
  /** Refusals by error code; absent: none, or a source that does not tell them apart. */
  refused: v.optional(RefusalsSchema),
  /** Present for channels that were asked for something. */
  channel: v.optional(ChannelDeltaSchema),
});

/** Batches arrive from relays over the network, so they are validated; `v.safeParse` never throws. */
export const BatchSchema = v.object({
  /** Random id of the source's life: a restarted isolate or relay is a new source. */
  source: text,
  origin: v.picklist(["edge", "relay"]),
  /** The relay's name, or the edge's data centre. */
  name: text,
  /** 1, 2, 3… without gaps within one source. */
  seq: v.pipe(count, v.minValue(1)),
  /** When it was sealed: milliseconds since the epoch, by the source's clock. */
  sealed_at: count,
  /** The deltas were counted within this many milliseconds before that. */
  covered_ms: count,
  /** Deltas since the previous batch. A service that is absent has no open flows at this source. */
  services: v.pipe(v.array(ServiceDeltaSchema), v.maxLength(FLOW_LIMITS.SERVICES_MAX + FLOW_KINDS.length)),
  /** Active flows, all of them up to the bound: the list replaces the source's previous one. */
  active: v.pipe(v.array(FlowRecordSchema), v.maxLength(FLOW_LIMITS.FLOWS_LISTED_MAX)),
  opened: v.pipe(v.array(FlowRecordSchema), v.maxLength(FLOW_LIMITS.EVENTS_MAX)),
  closed: v.pipe(v.array(ClosedFlowSchema), v.maxLength(FLOW_LIMITS.EVENTS_MAX)),
  /** Connection events left out because of the bound. */
  events_dropped: count,
  /** True in the last batch of an orderly shutdown. */
  last: v.boolean(),
});

/** `terms` are no part of the schema: only isolates may say what a host's configuration is, never a relay. */
export type ServiceDelta = v.InferOutput<typeof ServiceDeltaSchema> & { terms?: ServiceTerms };
export type Batch = Omit<v.InferOutput<typeof BatchSchema>, "services"> & { services: ServiceDelta[] };

/** The stats object's answer: batch `ack` is durable and need not be sent again. */
export interface BatchReply extends News {
  ack: number;
}

/** What the stats object has to say to an isolate. */
export interface News {
  /** Which services are over their quota, where the isolate does not know the newest list. */
  quotas?: QuotaNews;
  /** Ids of the isolate's flows that are to be broken off by order; repeated until they have ended. */
  cut?: string[];
}
