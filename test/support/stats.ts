// What the stats say, for end-to-end tests: polled until it holds, because isolates report once a second.

import { expect, vi } from "vitest";
import type { Counters } from "../../shared/flow/counters.ts";
import type { FlowKind } from "../../shared/flow/flow.ts";
import type { Snapshot } from "../../shared/flow/snapshot.ts";
import type { Product } from "./product.ts";

const DEADLINE = { timeout: 10_000, interval: 100 };

export type Count = Partial<Counters & { active: number }>;

/** Waits until the counters of a service contain `expected`; the last difference is the failure. */
export async function untilCounted(
  product: Pick<Product, "api">,
  service: string,
  expected: Count,
  kind: FlowKind = "http",
): Promise<void> {
  await vi.waitFor(async () => {
    const snapshot = (await (await product.api("/api/stats")).json()) as Snapshot;
    const counted: Count = snapshot.services.find((s) => s.service === service && s.kind === kind) ?? {};
    const compared = Object.keys(expected).map((name) => [name, counted[name as keyof Count] ?? 0]);
    expect(Object.fromEntries(compared)).toEqual(expected);
  }, DEADLINE);
}
