// Rules of channels that span several keys. They read the raw document, as rules.ts does. Pure.

import { type Problem, showValue } from "./problem.ts";
import { entriesOf, type Table, textOf } from "./rule-entries.ts";

/** A relay that a source is fetched through is reached by its url, and asked with its key. */
export function checkSources(raw: Table): Problem[] {
  const reachable = new Set(
    entriesOf(raw, "relays")
      .filter(({ table }) => table.url !== undefined && table.key !== undefined)
      .map((relay) => textOf(relay, "name")),
  );
  return entriesOf(raw, "channels").flatMap((channel) =>
    entriesOf(channel.table, "sources", `${channel.path}.`).flatMap((source) => {
      const via = textOf(source, "via");
      if (!via?.startsWith("relay:") || reachable.has(via.slice("relay:".length))) return [];
      const legal = "the name of an entry of [[relays]] that has url and key";
      return [{ path: `${source.path}.via`, value: showValue(via, undefined), legal }];
    }),
  );
}
