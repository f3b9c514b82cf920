// The admin API's routes: the paths of the edge's control plane and metrics, for this relay alone and without any edge. It knows no
// socket: requests and answers are the web's.

import { Hono } from "hono";
import * as v from "valibot";
import { bodyProblem } from "../../shared/control/body-problem.ts";
import {
  type Answer,
  type Order,
  OrderSchema,
  StartSchema,
  StopSchema,
  TestSchema,
} from "../../shared/control/orders.ts";
import { CausewayError, ERRORS } from "../../shared/errors.ts";
import type { FlowRecord } from "../../shared/flow/flow.ts";
import { CONTROL_LIMITS, FLOW_LIMITS, STATS_LIMITS } from "../../shared/limits.ts";
import { METRICS_CONTENT_TYPE, type MetricFamily, metricsText } from "../../shared/metrics/prometheus.ts";
import type { RelayStats } from "../metrics/stats.ts";
import { admit } from "./guard.ts";

/** What the API needs of its relay. */
export interface AdminDeps {
  readonly token: string;
  /** The port it is reached at. */
  port(): number;
  obey(order: Order): Promise<Answer>;
  /** Open connections, the longest open first. */
  connections(): Iterable<FlowRecord>;
  stats(): RelayStats;
  metrics(): readonly MetricFamily[];
  /** Reads the configuration again; resolves to what has changed. */
  reload?: (() => Promise<object>) | undefined;
}

export type AdminApp = Pick<Hono, "fetch">;

const STATUS: Readonly<Record<string, 200 | 201>> = { start: 201 };

const ListSchema = v.object({
  service: v.optional(v.string()),
  kind: v.optional(v.string()),
  client: v.optional(v.string()),
  user: v.optional(v.string()),
  /** Part of the target. */
  target: v.optional(v.string()),
  limit: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,6}$/), v.transform(Number), v.minValue(1)),
    String(CONTROL_LIMITS.CONNECTIONS_DEFAULT),
  ),
});

export function adminApp(deps: AdminDeps): AdminApp {
  const app = new Hono();
  app.use("*", async (c, next) => {
    admit(c.req.raw, deps.token, deps.port());
    await next();
  });
  const order = async (wanted: Order): Promise<Response> => {
    const answer = await deps.obey(wanted);
    if (!answer.ok) throw new CausewayError(answer.error.code, answer.error.message);
    return json(answer.report, STATUS[wanted.do] ?? 200);
  };
  app.get("/api/proxy/status", () => order({ do: "status" }));
  app.post("/api/proxy/start", async (c) => order({ do: "start", ...(await read(c.req.raw, StartSchema)) }));
  app.post("/api/proxy/stop", async (c) => order({ do: "stop", ...(await read(c.req.raw, StopSchema)) }));
  app.post("/api/proxy/test", async (c) => order({ do: "test", ...(await read(c.req.raw, TestSchema)) }));
  app.get("/api/connections", (c) => list(deps, c.req.query()));
  app.delete("/api/connections/:id", async (c) => {
    const close = v.safeParse(OrderSchema, { do: "close", connection: c.req.param("id") });
    if (!close.success) throw new CausewayError("connection_unknown");
    await order(close.output);
    return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
  });
  app.get("/api/stats", () => json(deps.stats(), 200));
  app.get("/metrics", () => answerOf(metricsText(deps.metrics()), METRICS_CONTENT_TYPE, 200));
  app.post("/api/config/reload", async () => {
    if (deps.reload === undefined) throw new CausewayError("not_found");
    return json(await deps.reload(), 200);
  });
  app.notFound(() => refusal(new CausewayError("not_found")));
  app.onError((thrown) => refusal(thrown instanceof CausewayError ? thrown : new CausewayError("internal")));
  return app;
}

function list(deps: AdminDeps, query: Readonly<Record<string, string>>): Response {
  const filter = v.safeParse(ListSchema, query);
  if (!filter.success)
    throw new CausewayError("bad_request", "Cannot list connections: limit must be a number from 1 on");
  const { limit, target, ...wanted } = filter.output;
  const connections: FlowRecord[] = [];
  let active = 0;
  let matching = 0;
  for (const flow of deps.connections()) {
    active++;
    const fits =
      (["service", "kind", "client", "user"] as const).every(
        (key) => wanted[key] === undefined || wanted[key] === flow[key],
      ) && flow.target.includes(target ?? "");
    if (!fits) continue;
    matching++;
    if (
      connections.length < Math.min(limit, STATS_LIMITS.CONNECTIONS_LISTED_MAX, FLOW_LIMITS.FLOWS_LISTED_MAX)
    )
      connections.push(flow);
  }
  return json({ at: Date.now(), active, matching, connections }, 200);
}

/** @throws CausewayError `bad_request` naming the key */
async function read<T extends v.GenericSchema>(request: Request, schema: T): Promise<v.InferOutput<T>> {
  let body: unknown;
  try {
    body = await request.json();
  } catch {
    throw new CausewayError("bad_request", "Cannot read the request body: it is not JSON");
  }
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  throw new CausewayError("bad_request", bodyProblem(result.issues));
}

function json(body: unknown, status: number): Response {
  return answerOf(JSON.stringify(body), "application/json", status);
}

function answerOf(body: string, type: string, status: number): Response {
  return new Response(body, {
    status,
    headers: {
      "Content-Type": type,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

function refusal({ code, message }: CausewayError): Response {
  const answer = json({ error: { code, message } }, ERRORS[code].status);
  if (code === "unauthorized") answer.headers.set("WWW-Authenticate", 'Bearer realm="causeway"');
  return answer;
}
