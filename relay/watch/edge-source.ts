// Stats of an edge and of all relays that report to it, by the WebSocket that dashboards use.

import { on } from "node:events";
import * as v from "valibot";
import WebSocket from "ws";
import { RENEW_CLOSE } from "../../shared/flow/snapshot.ts";
import { LINK_LIMITS } from "../../shared/limits.ts";
import { ConnectionSchema, count, text } from "./connection-schema.ts";
import { SourceError, type StatsSource } from "./source.ts";
import type { StatsView } from "./view.ts";

const SUBPROTOCOL = "causeway.v1";

const TunnelSchema = v.object({
  role: v.picklist(["server", "client"]),
  name: text,
  remote: text,
  engine: text,
  rtt_ms: count,
  loss: count,
  rate: count,
  streams: count,
});

/** Of a snapshot, what is shown. An edge of another version may say more. */
const SnapshotSchema = v.object({
  type: v.literal("snapshot"),
  at: count,
  since: count,
  active: count,
  totals: v.object({ requests: count, up: count, down: count }),
  rates: v.object({ up: count, down: count }),
  services: v.array(
    v.object({
      service: text,
      kind: text,
      active: count,
      requests: count,
      errors: count,
      up: count,
      down: count,
      up_rate: count,
      down_rate: count,
    }),
  ),
  connections: v.array(ConnectionSchema),
  links: v.array(
    v.object({ name: text, connected: v.boolean(), tunnels: v.optional(v.array(TunnelSchema)) }),
  ),
});

export function edgeSource(edge: string, token: string): StatsSource {
  return { views: (signal) => watchEdge(edge, token, signal) };
}

async function* watchEdge(
  edge: string,
  token: string,
  signal: AbortSignal,
): AsyncGenerator<StatsView, void, undefined> {
  // The edge has the token shown to it anew now and then.
  while (yield* watchSocket(edge, token, signal));
}

/** Returns true when the socket, having worked, is to be opened anew; false when nobody watches any more. */
async function* watchSocket(
  edge: string,
  token: string,
  signal: AbortSignal,
): AsyncGenerator<StatsView, boolean, undefined> {
  const url = new URL("/api/stats/ws", edge);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${Buffer.from(token).toString("base64url")}`], {
    maxPayload: LINK_LIMITS.MESSAGE_BYTES_MAX,
    handshakeTimeout: LINK_LIMITS.CONNECT_TIMEOUT_MS,
    followRedirects: false,
    perMessageDeflate: false,
  });
  // Once nobody waits for messages any more an error has nobody to reach.
  socket.on("error", () => undefined);
  let closeCode = 0;
  socket.on("close", (code) => {
    closeCode = code;
  });
  let hasViews = false;
  try {
    for await (const [data] of on(socket, "message", { signal, close: ["close"] })) {
      const view = viewOf(edge, String(data));
      if (view === undefined) continue;
      hasViews = true;
      yield view;
    }
    if (closeCode === RENEW_CLOSE && hasViews) return true;
    throw new SourceError(`The edge at ${edge} has closed the connection`);
  } catch (error) {
    if (signal.aborted) return false;
    throw error instanceof SourceError ? error : failure(edge, error);
  } finally {
    socket.terminate();
  }
}

function failure(edge: string, error: unknown): SourceError {
  const why = error instanceof Error ? error.message : String(error);
  const status = Number(/Unexpected server response: (\d{3})/.exec(why)?.[1] ?? 0);
  if (status === 401 || status === 403)
    return new SourceError(`The edge at ${edge} refuses the token: ${status}`, { isLasting: true });
  return new SourceError(`Cannot watch the edge at ${edge}: ${why}`, { cause: error });
}

/** Undefined for messages of other kinds. @throws SourceError when a snapshot is malformed */
function viewOf(edge: string, message: string): StatsView | undefined {
  const parsed = parse(message);
  if (typeof parsed !== "object" || parsed === null || !("type" in parsed) || parsed.type !== "snapshot")
    return undefined;
  const result = v.safeParse(SnapshotSchema, parsed);
  if (!result.success)
    throw new SourceError(`What the edge at ${edge} sends is no snapshot: compare the versions`, {
      isLasting: true,
    });
  const { at, since, active, totals, rates, services, connections, links } = result.output;
  return {
    source: `the edge ${edge}`,
    at,
    since,
    active,
    requests: totals.requests,
    up: totals.up,
    down: totals.down,
    up_rate: rates.up,
    down_rate: rates.down,
    services: services.map(({ errors, ...row }) => ({ ...row, refused: errors })),
    users: [],
    connections,
    tunnels: links.flatMap(({ name: relay, tunnels = [] }) =>
      tunnels.map((tunnel) => ({ relay, ...tunnel })),
    ),
    links: links.map(({ name, connected }) => ({ name, connected })),
  };
}

function parse(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
