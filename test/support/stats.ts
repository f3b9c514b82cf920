// What the stats say, for end-to-end tests: polled until it holds, because isolates report once a second.

import { expect, vi } from "vitest";
import type { Counters } from "../../shared/flow/counters.ts";
import type { FlowKind, FlowRecord } from "../../shared/flow/flow.ts";
import type { LinkSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import type { Product } from "./product.ts";

const DEADLINE = { timeout: 10_000, interval: 100 };
/** A relay's reconnect pauses grow while the edge is away. */
const LINK_DEADLINE = { timeout: 20_000, interval: 50 };

export type Count = Partial<Counters & { active: number }>;

type WithApi = Pick<Product, "api">;

export async function readStats(product: WithApi): Promise<Snapshot> {
  return (await (await product.api("/api/stats")).json()) as Snapshot;
}

/** The counters of a service, nothing if it has none yet. */
export async function readCount(product: WithApi, service: string, kind: FlowKind): Promise<Count> {
  const { services } = await readStats(product);
  return services.find((entry) => entry.service === service && entry.kind === kind) ?? {};
}

/** Waits until the counters of a service contain `expected`; the last difference is the failure. */
export async function untilCounted(
  product: WithApi,
  service: string,
  expected: Count,
  kind: FlowKind = "http",
): Promise<void> {
  await vi.waitFor(async () => {
    const counted = await readCount(product, service, kind);
    const compared = Object.keys(expected).map((name) => [name, counted[name as keyof Count] ?? 0]);
    expect(Object.fromEntries(compared)).toEqual(expected);
  }, DEADLINE);
}

/** Waits until the first active connection of a kind is listed that `matches`. */
export async function untilListed(
  product: WithApi,
  kind: FlowKind,
  matches: (connection: FlowRecord) => boolean = () => true,
): Promise<FlowRecord> {
  return await vi.waitFor(async () => {
    const reply = await product.api(`/api/connections?kind=${kind}`);
    const { connections } = (await reply.json()) as { connections: FlowRecord[] };
    const found = connections.find(matches);
    if (!found) throw new Error(`No such ${kind} connection is listed: ${JSON.stringify(connections)}`);
    return found;
  }, DEADLINE);
}

/** Waits until the relay's link is shown up or down, as of a change after `since` (milliseconds since the epoch). */
export async function untilLink(
  product: WithApi,
  name: string,
  connected: boolean,
  since = 0,
): Promise<LinkSnapshot> {
  return await vi.waitFor(async () => {
    const link = (await readStats(product)).links.find((entry) => entry.name === name);
    if (link?.connected !== connected || link.since < since)
      throw new Error(`The link of ${name} is not ${connected ? "up" : "down"}: ${JSON.stringify(link)}`);
    return link;
  }, LINK_DEADLINE);
}
