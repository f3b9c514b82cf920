// Counts what a relay reports, by type of event; the log takes only what its level lets through, and a scraper wants all.

import type { EmitEvent, RelayEvent } from "../events.ts";

/** Connections are in the ledger's sums; no other event comes with every one of them. */
const IN_LEDGER: readonly RelayEvent["type"][] = ["connection_opened", "connection_closed"];

/** Whether events of a type are counted here, whoever else wants them. */
export function isCounted(type: RelayEvent["type"]): boolean {
  return !IN_LEDGER.includes(type);
}

export class EventCounts {
  readonly #times = new Map<RelayEvent["type"], number>();

  /** A sink that counts and passes on. */
  before(next: EmitEvent): EmitEvent {
    return (event) => {
      if (isCounted(event.type)) this.#times.set(event.type, (this.#times.get(event.type) ?? 0) + 1);
      next(event);
    };
  }

  /** Times by type; a type that never came is absent. */
  toRecord(): Record<string, number> {
    return Object.fromEntries(this.#times);
  }
}
