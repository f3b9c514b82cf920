// Orders to a relay and its reports: what the edge sends over the control link and what the relay's own admin API takes.
// Pure: schemas and types, checked on both sides, since neither end believes the other.

import * as v from "valibot";
import { ERRORS, type ErrorCode } from "../errors.ts";
import { FLOW_LIMITS, ORDER_LIMITS } from "../limits.ts";
import { parseIp } from "../net/address.ts";

/** Inbounds that can be started at run time. */
export const PROXY_TYPES = ["mixed", "socks", "http"] as const;
export type ProxyType = (typeof PROXY_TYPES)[number];

const text = v.pipe(v.string(), v.maxLength(FLOW_LIMITS.TEXT_CHARS_MAX));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const address = v.pipe(
  v.string(),
  v.check((host) => parseIp(host) !== undefined, "an IP address"),
);

/** Which inbound: by its id in the status, or by its port where only one has it. */
const selectorEntries = { inbound: v.optional(text), port: v.optional(port) };

/** `socks5` is what most people call it; the inbound speaks SOCKS4 and 4a, too. */
const proxyType = v.pipe(
  v.picklist([...PROXY_TYPES, "socks5"]),
  v.transform((type): ProxyType => (type === "socks5" ? "socks" : type)),
);

export const StartSchema = v.strictObject({
  /** 0 takes a free one, on loopback. */
  port,
  proxy_type: proxyType,
  /** Where to listen; absent: where `relay.remote_ports` has the port, else 127.0.0.1. */
  address: v.optional(address),
  auth: v.optional(v.picklist(["none", "password"])),
});

export const StopSchema = v.strictObject({
  ...selectorEntries,
  /** `drain`: open connections go on; `now`: they are broken off. */
  mode: v.optional(v.picklist(["drain", "now"]), "drain"),
});

export const TestSchema = v.strictObject({
  ...selectorEntries,
  url: v.pipe(
    v.string(),
    v.maxLength(ORDER_LIMITS.URL_CHARS_MAX),
    v.check((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ""), "an http:// or https:// URL"),
  ),
  /** As whom, for rules that name users. */
  user: v.optional(text, ""),
});

export const OrderSchema = v.variant("do", [
  v.strictObject({ do: v.literal("status") }),
  v.strictObject({ do: v.literal("start"), ...StartSchema.entries }),
  v.strictObject({ do: v.literal("stop"), ...StopSchema.entries }),
  v.strictObject({ do: v.literal("test"), ...TestSchema.entries }),
  v.strictObject({ do: v.literal("close"), connection: text }),
]);
export type Order = v.InferOutput<typeof OrderSchema>;
export type StartOrder = v.InferOutput<typeof StartSchema>;
export type TestOrder = v.InferOutput<typeof TestSchema>;

export const INBOUND_STATES = ["running", "draining", "stopped", "failed"] as const;

const InboundReportSchema = v.object({
  /** `kind address:port` of its first listener. */
  id: text,
  kind: text,
  /** As it is called in stats. */
  service: text,
  address: text,
  port,
  /** Listeners: a forward of a range has one for each port. */
  listeners: count,
  state: v.picklist(INBOUND_STATES),
  /** Who started it: the configuration, or an order. */
  origin: v.picklist(["config", "order"]),
  auth: v.picklist(["none", "password"]),
  connections: count,
  /** Why it failed. */
  problem: v.optional(v.string()),
});
export type InboundReport = v.InferOutput<typeof InboundReportSchema>;

const StatusReportSchema = v.object({
  name: text,
  version: text,
  /** Milliseconds since the epoch, by the relay's clock. */
  started_at: count,
  connections: count,
  inbounds: v.pipe(v.array(InboundReportSchema), v.maxLength(ORDER_LIMITS.INBOUNDS_MAX)),
});
export type StatusReport = v.InferOutput<typeof StatusReportSchema>;

const ms = v.pipe(v.number(), v.minValue(0));
const errorCode = v.pipe(
  v.string(),
  v.check((code) => Object.hasOwn(ERRORS, code)),
  v.transform((code) => code as ErrorCode),
);
const failure = v.object({
  code: errorCode,
  message: v.pipe(v.string(), v.maxLength(ORDER_LIMITS.TEXT_CHARS_MAX)),
});

const TestReportSchema = v.object({
  /** Whether a reply came, whatever its status. */
  ok: v.boolean(),
  url: v.string(),
  inbound: text,
  status: v.optional(count),
  /** The address that was dialled. */
  target: v.optional(text),
  /** Where the connection comes from, and who says so: the target's reply, or the relay's own socket. */
  exit_address: v.optional(text),
  exit_seen_by: v.optional(v.picklist(["target", "relay"])),
  /** Bytes of the reply's body that were read. */
  bytes: count,
  /** Duration of each phase in milliseconds; a phase that was not reached, or does not exist here, is absent. */
  timing_ms: v.object({
    dns: v.optional(ms),
    connect: v.optional(ms),
    tls: v.optional(ms),
    first_byte: v.optional(ms),
    total: ms,
  }),
  error: v.optional(failure),
});
export type TestReport = v.InferOutput<typeof TestReportSchema>;

const CloseReportSchema = v.object({ closed: text });
export type CloseReport = v.InferOutput<typeof CloseReportSchema>;

/** What an order is answered with, by its `do`. */
export const REPORT_SCHEMAS = {
  status: StatusReportSchema,
  start: InboundReportSchema,
  stop: InboundReportSchema,
  test: TestReportSchema,
  close: CloseReportSchema,
} as const satisfies Record<Order["do"], v.GenericSchema>;

export type Report<D extends Order["do"]> = v.InferOutput<(typeof REPORT_SCHEMAS)[D]>;

/** A relay's answer to an order; `report` is checked by the order's own schema. */
export const AnswerSchema = v.variant("ok", [
  v.object({ ok: v.literal(true), report: v.unknown() }),
  v.object({ ok: v.literal(false), error: failure }),
]);
export type Answer = v.InferOutput<typeof AnswerSchema>;
