// Relays' inbounds over the API: which there are, starting and stopping one, and testing a URL through it. What is asked
// for travels over the relay's control link; the relay decides.

import * as v from "valibot";
import {
  type Answer,
  type Order,
  REPORT_SCHEMAS,
  type Report,
  StartSchema,
  StopSchema,
  TestSchema,
} from "../../shared/control/orders.ts";
import { CausewayError } from "../../shared/errors.ts";
import { currentConfig } from "../directory/client.ts";
import type { RelayStatus } from "../relays/object.ts";
import { requireRole } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { relaysObject } from "./objects.ts";
import { readOrder } from "./query.ts";
import { json } from "./reply.ts";

/** Which relay; absent: the only one that is configured. */
const relay = v.optional(v.pipe(v.string(), v.maxLength(63)));

/** GET /api/proxy/status: every configured relay, with its inbounds where its control link is up. */
export async function proxyStatus(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  const { relays } = await currentConfig(x.env, x.ctx);
  const answers = new Map((await askAll(x)).map(({ name, answer }) => [name, answer]));
  const states = relays.map(({ name }) => stateOf(name, answers.get(name)));
  return json(x, { relays: states });
}

/** POST /api/proxy/start: `{port, proxy_type}`, and `relay`, `address`, `auth`. */
export async function startProxy(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const { relay: name, ...start } = await readOrder(x, v.strictObject({ relay, ...StartSchema.entries }));
  return json(x, await command(x, name, { do: "start", ...start }), { status: 201 });
}

/** POST /api/proxy/stop: `{port}` or `{inbound}`, and `relay`, `mode`. */
export async function stopProxy(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const { relay: name, ...stop } = await readOrder(x, v.strictObject({ relay, ...StopSchema.entries }));
  return json(x, await command(x, name, { do: "stop", ...stop }));
}

/** POST /api/proxy/test: `{url}`, and `relay`, `port` or `inbound`, `user`. */
export async function testProxy(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const { relay: name, ...test } = await readOrder(x, v.strictObject({ relay, ...TestSchema.entries }));
  return json(x, await command(x, name, { do: "test", ...test }));
}

/**
 * Has the relay `name` close a connection of its own.
 * @throws CausewayError as the relay refuses, or `relay_not_connected`, `relay_silent`, `relay_answer_invalid`
 */
export async function closeAtRelay(x: ControlExchange, name: string, connection: string): Promise<void> {
  reportOf("close", await order(x, name, { do: "close", connection }));
}

async function command<D extends Order["do"]>(
  x: ControlExchange,
  name: string | undefined,
  wanted: Order & { readonly do: D },
): Promise<{ relay: string } & Report<D>> {
  const { relays } = await currentConfig(x.env, x.ctx);
  const [first] = relays;
  if (name === undefined && (first === undefined || relays.length > 1)) {
    const named = relays.map((known) => known.name).join(", ") || "none";
    throw new CausewayError("bad_request", `Cannot choose a relay: name one by "relay", of: ${named}`);
  }
  const chosen = name ?? first?.name ?? "";
  if (!relays.some((known) => known.name === chosen)) throw new CausewayError("relay_unknown");
  return { relay: chosen, ...reportOf(wanted.do, await order(x, chosen, wanted)) };
}

async function order(x: ControlExchange, name: string, wanted: Order): Promise<Answer> {
  try {
    return (await relaysObject(x.env).order(name, wanted)) as Answer;
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}

async function askAll(x: ControlExchange): Promise<RelayStatus[]> {
  try {
    return (await relaysObject(x.env).status()) as RelayStatus[];
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}

/** The object has checked the report by the same schema; this gives it its type. */
function reportOf<D extends Order["do"]>(does: D, answer: Answer): Report<D> {
  if (!answer.ok) throw new CausewayError(answer.error.code, answer.error.message);
  const report = v.safeParse(REPORT_SCHEMAS[does], answer.report);
  if (!report.success) throw new CausewayError("relay_answer_invalid");
  return report.output as Report<D>;
}

function stateOf(name: string, answer: Answer | undefined): Readonly<Record<string, unknown>> {
  if (answer === undefined) return { name, connected: false };
  if (!answer.ok) return { name, connected: true, error: answer.error };
  return { ...reportOf("status", answer), name, connected: true };
}
