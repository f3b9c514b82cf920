// Stats of one relay, by its admin API: asked again and again, and rates made of the difference.

import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { WATCH_STATS_LIMITS } from "../../shared/limits.ts";
import { fetchFailure } from "../fetch-failure.ts";
import { ConnectionSchema, count, text } from "./connection-schema.ts";
import { SourceError, type StatsSource } from "./source.ts";
import { ratesBetween, type StatsView } from "./view.ts";

const moved = { active: count, opened: count, up: count, down: count };

/** What is not known yet may be infinite, which JSON makes null. */
const figure = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => Math.max(0, value ?? 0)),
);

const TunnelSchema = v.object({
  role: v.picklist(["server", "client"]),
  name: text,
  sessions: v.array(
    v.object({ remote: text, engine: text, rtt_ms: figure, loss: figure, rate: figure, streams: count }),
  ),
});

/** Of a relay's stats, what is shown. A relay of another version may say more. */
const StatsSchema = v.object({
  name: text,
  version: text,
  at: count,
  started_at: count,
  ...moved,
  refused: count,
  services: v.array(v.object({ service: text, kind: text, ...moved, refused: v.record(text, count) })),
  users: v.array(v.object({ user: text, ...moved })),
  terms: v.array(v.object({ user: text, quota: v.optional(v.object({ left: v.optional(count) })) })),
  /** A relay of another version may tell of none. */
  tunnels: v.optional(v.array(TunnelSchema), []),
  link: v.optional(v.object({ connected: v.boolean() })),
});
type Stats = v.InferOutput<typeof StatsSchema>;

const ConnectionsSchema = v.object({
  connections: v.array(ConnectionSchema),
});

export interface RelaySourceOptions {
  /** The admin API, as in `http://127.0.0.1:8790`. */
  readonly url: string;
  readonly token: string;
  /** Between two looks. */
  readonly intervalMs: number;
}

export function relaySource(options: RelaySourceOptions): StatsSource {
  return { views: (signal) => watchRelay(options, signal) };
}

async function* watchRelay(
  options: RelaySourceOptions,
  signal: AbortSignal,
): AsyncGenerator<StatsView, void, undefined> {
  try {
    // Rates need two looks; the first picture should not wait for long.
    let before = await ask(options, "/api/stats", StatsSchema, signal);
    await delay(Math.min(options.intervalMs, WATCH_STATS_LIMITS.FIRST_SPAN_MS), undefined, { signal });
    for (;;) {
      const stats = await ask(options, "/api/stats", StatsSchema, signal);
      const path = `/api/connections?limit=${WATCH_STATS_LIMITS.CONNECTIONS_MAX}`;
      const { connections } = await ask(options, path, ConnectionsSchema, signal);
      yield { ...viewOf(stats, before), connections };
      before = stats;
      await delay(options.intervalMs, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
}

/** @throws SourceError */
async function ask<T extends v.GenericSchema>(
  { url, token }: RelaySourceOptions,
  path: string,
  schema: T,
  signal: AbortSignal,
): Promise<v.InferOutput<T>> {
  const deadline = AbortSignal.timeout(WATCH_STATS_LIMITS.ANSWER_TIMEOUT_MS);
  let reply: Response;
  let body: unknown;
  try {
    reply = await fetch(url + path, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.any([signal, deadline]),
    });
    body = reply.ok ? await reply.json() : await reply.body?.cancel();
  } catch (error) {
    throw new SourceError(`Cannot reach the relay at ${url}: ${fetchFailure(error)}`, { cause: error });
  }
  const isLasting = reply.status >= 400 && reply.status < 500;
  if (!reply.ok) throw new SourceError(`The relay at ${url} answers ${reply.status}`, { isLasting });
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  throw new SourceError(`What the relay at ${url} answers is no stats: compare the versions`, {
    isLasting: true,
  });
}

function viewOf(stats: Stats, before: Stats): Omit<StatsView, "connections"> {
  const ms = stats.at - before.at;
  const isSame = before.started_at === stats.started_at;
  const servicesBefore = new Map(before.services.map((row) => [`${row.kind} ${row.service}`, row]));
  const usersBefore = new Map(before.users.map((row) => [row.user, row]));
  const left = new Map(stats.terms.map(({ user, quota }) => [user, quota?.left]));
  const rates = (was: Stats | undefined | { up: number; down: number }, is: { up: number; down: number }) =>
    ratesBetween(isSame ? (was ?? { up: 0, down: 0 }) : undefined, is, ms);
  return {
    source: `the relay ${stats.name}, version ${stats.version}`,
    at: stats.at,
    since: stats.started_at,
    active: stats.active,
    requests: stats.opened + stats.refused,
    up: stats.up,
    down: stats.down,
    ...rates(before, stats),
    services: stats.services.map(({ opened, refused, ...row }) => {
      const refusals = Object.values(refused).reduce((sum, times) => sum + times, 0);
      const was = servicesBefore.get(`${row.kind} ${row.service}`);
      return { ...row, requests: opened + refusals, refused: refusals, ...rates(was, row) };
    }),
    users: stats.users.map(({ user, active, up, down }) => {
      const rest = left.get(user);
      const row = { user, active, up, down, ...rates(usersBefore.get(user), { up, down }) };
      return rest === undefined ? row : { ...row, quota_left: rest };
    }),
    tunnels: stats.tunnels.flatMap(({ role, name, sessions }) =>
      sessions.map((session) => ({ relay: stats.name, role, name, ...session })),
    ),
    links: stats.link ? [{ name: "edge", connected: stats.link.connected }] : [],
  };
}
