// Connections of the edge that are being closed by order: their isolates learn of it with the next answer, and tell by their
// batches when the connections have ended. Orders and outcomes live in memory: whoever gave one is still waiting.

import type { Batch } from "../../shared/flow/batch.ts";
import { ORDER_LIMITS } from "../../shared/limits.ts";

interface Closing {
  readonly source: string;
  readonly outcome: Promise<boolean>;
  settle(closed: boolean): void;
}

export class Closings {
  /** By the flow's id. */
  readonly #closings = new Map<string, Closing>();

  /**
   * Orders `source` to close a flow. Resolves to whether it has ended within ORDER_LIMITS.CLOSE_WAIT_MS; undefined when too
   * many are being closed.
   */
  order(id: string, source: string): Promise<boolean> | undefined {
    const known = this.#closings.get(id);
    if (known) return known.outcome;
    if (this.#closings.size >= ORDER_LIMITS.CLOSINGS_MAX) return undefined;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => this.#settle(id, false), ORDER_LIMITS.CLOSE_WAIT_MS);
    const settle = (closed: boolean): void => {
      clearTimeout(timer);
      resolve(closed);
    };
    this.#closings.set(id, { source, outcome: promise, settle });
    return promise;
  }

  /** What `source` is to close. */
  of(source: string): string[] | undefined {
    if (this.#closings.size === 0) return undefined;
    const ids = [...this.#closings].filter(([, closing]) => closing.source === source).map(([id]) => id);
    return ids.length === 0 ? undefined : ids;
  }

  /** A batch lists what is open at its source: what is missing has ended. */
  heard({ source, active, last }: Pick<Batch, "source" | "active" | "last">): void {
    for (const id of this.of(source) ?? [])
      if (last || !active.some((flow) => flow.id === id)) this.#settle(id, true);
  }

  #settle(id: string, closed: boolean): void {
    const closing = this.#closings.get(id);
    this.#closings.delete(id);
    closing?.settle(closed);
  }
}
