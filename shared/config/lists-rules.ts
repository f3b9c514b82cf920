// Rules of imported lists and guides that span keys. They read the raw document, as rules.ts does. Pure.

import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Problems of [[channel_imports]] and [[guides]]. */
export function checkLists(raw: Table): Problem[] {
  const imports = entriesOf(raw, "channel_imports");
  const guides = entriesOf(raw, "guides");
  return [
    ...duplicates(imports, "name", (entry) => textOf(entry, "name")),
    ...duplicates(guides, "name", (entry) => textOf(entry, "name")),
    ...[...imports, ...guides].flatMap((entry) => checkVia(entry, raw)),
    ...[...entriesOf(raw, "channels"), ...imports.flatMap(channelOf)].flatMap(checkCatchup),
  ];
}

function channelOf({ path, table }: Entry): Entry[] {
  return isTable(table.channel) ? [{ path: `${path}.channel`, table: table.channel }] : [];
}

/** A relay is reached by its url, and asked with its key. */
function checkVia(entry: Entry, raw: Table): Problem[] {
  const via = textOf(entry, "via");
  const name = via?.startsWith("relay:") ? via.slice("relay:".length) : undefined;
  if (name === undefined) return [];
  const relay = entriesOf(raw, "relays").find((other) => textOf(other, "name") === name);
  if (relay?.table.url !== undefined && relay.table.key !== undefined) return [];
  const legal = "the name of an entry of [[relays]] that has url and key";
  return [{ path: `${entry.path}.via`, value: showValue(via, undefined), legal }];
}

/** Two of the ways say nothing without a template. */
function checkCatchup(entry: Entry): Problem[] {
  const mode = textOf(entry, "catchup");
  if (mode !== "default" && mode !== "append") return [];
  if (entry.table.catchup_source !== undefined || entry.path.endsWith(".channel")) return [];
  const legal = `a template, because catchup = "${mode}"`;
  return [{ path: `${entry.path}.catchup_source`, value: "nothing", legal }];
}
