// Rules that span keys of the UDP tunnel's listeners: who may connect, and as which user. They read the raw document, like
// rules.ts. Pure.

import { type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Problems of an inbound of kind "udpack" that no single key shows. */
export function checkTunnelClients(inbound: Entry, relay: Table): Problem[] {
  const clients = entriesOf(inbound.table, "clients", `${inbound.path}.`);
  const users = new Set(entriesOf(relay, "users").map((entry) => textOf(entry, "name")));
  return [
    ...(clients.length > 0 ? [] : [nobody(inbound)]),
    ...duplicates(clients, "name", (entry) => textOf(entry, "name")),
    ...duplicates(clients, "public_key", (entry) => textOf(entry, "public_key")),
    ...clients.flatMap((entry) => checkUser(entry, users)),
  ];
}

function nobody({ path, table }: Entry): Problem {
  const value = table.clients === undefined ? "nothing" : showValue(table.clients, undefined);
  return { path: `${path}.clients`, value, legal: "one client or more: nobody else may connect" };
}

/** A client of nobody's would have no limits where its owner meant it to have some. */
function checkUser(entry: Entry, users: ReadonlySet<string | undefined>): Problem[] {
  const user = textOf(entry, "user");
  if (user === undefined || users.has(user)) return [];
  return [{ path: `${entry.path}.user`, value: showValue(user, undefined), legal: "the name of a user" }];
}
