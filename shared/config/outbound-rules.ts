// Rules that span keys of the relay's ways out: names that must lead somewhere, chains that must end. They read the raw
// document, like rules.ts. Pure.

import { parseDuration } from "./fields.ts";
import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Ways out that are always there. */
const BUILT_IN: readonly string[] = ["direct", "reject"];

/** Problems of [[relay.outbounds]], [[relay.rules]] and [relay.dns] that no single key shows. */
export function checkOutbounds(relay: Table): Problem[] {
  const outbounds = entriesOf(relay, "outbounds", "relay.");
  return [
    ...duplicates(outbounds, "name", (entry) => textOf(entry, "name")),
    ...outbounds.flatMap((entry) => [...checkName(entry), ...checkCredentials(entry)]),
    ...checkChains(outbounds),
    ...checkRuleNames(relay, outbounds),
    ...checkTtl(relay),
  ];
}

function problem(entry: Entry, key: string, legal: string): Problem {
  return { path: `${entry.path}.${key}`, value: showValue(entry.table[key], undefined), legal };
}

function checkName(entry: Entry): Problem[] {
  return BUILT_IN.includes(textOf(entry, "name") ?? "")
    ? [problem(entry, "name", 'another name: "direct" and "reject" are always there')]
    : [];
}

function checkCredentials(entry: Entry): Problem[] {
  const { user, password, kind, version } = entry.table;
  const isSocks4 = kind === "socks" && version === "4";
  if (isSocks4 && password !== undefined) {
    return [{ path: `${entry.path}.password`, value: "a secret", legal: "nothing: SOCKS4 has no passwords" }];
  }
  if (user === undefined && password !== undefined) {
    return [problem(entry, "user", "a user name, because there is a password")];
  }
  return user !== undefined && password === undefined && !isSocks4
    ? [problem(entry, "password", "a password, because there is a user")]
    : [];
}

/** Every `via` must name an outbound, and following them must come to an end. */
function checkChains(outbounds: readonly Entry[]): Problem[] {
  const byName = new Map(outbounds.map((entry) => [textOf(entry, "name") ?? "", entry]));
  return outbounds.flatMap((entry) => {
    const via = textOf(entry, "via");
    if (via === undefined || via === "direct") return [];
    if (!byName.has(via)) return [problem(entry, "via", "the name of an outbound")];
    return leadsBack(entry, byName)
      ? [problem(entry, "via", "an outbound that does not lead back here")]
      : [];
  });
}

function leadsBack(start: Entry, byName: ReadonlyMap<string, Entry>): boolean {
  let at: Entry | undefined = start;
  for (let steps = 0; at !== undefined && steps <= byName.size; steps++) {
    at = byName.get(textOf(at, "via") ?? "direct");
    if (at === start) return true;
  }
  return false;
}

function checkRuleNames(relay: Table, outbounds: readonly Entry[]): Problem[] {
  const ways = new Set([...BUILT_IN, ...outbounds.map((entry) => textOf(entry, "name"))]);
  const users = new Set(entriesOf(relay, "users").map((entry) => textOf(entry, "name")));
  const inbounds = new Set(
    entriesOf(relay, "inbounds").flatMap((entry) => [textOf(entry, "name"), textOf(entry, "kind")]),
  );
  return entriesOf(relay, "rules", "relay.").flatMap((entry) => [
    ...(entry.table.outbound === undefined || ways.has(textOf(entry, "outbound"))
      ? []
      : [problem(entry, "outbound", 'the name of an outbound, "direct" or "reject"')]),
    ...unknownNames(entry, "users", users, "the name of a user"),
    ...unknownNames(entry, "inbounds", inbounds, "the name or kind of an inbound"),
  ]);
}

/** A rule for somebody who does not exist would never fit: a slip of the pen must not open or close a way. */
function unknownNames(
  entry: Entry,
  key: string,
  known: ReadonlySet<string | undefined>,
  legal: string,
): Problem[] {
  const names = entry.table[key];
  if (!Array.isArray(names)) return [];
  return names.flatMap((name: unknown, index) =>
    typeof name !== "string" || known.has(name)
      ? []
      : [{ path: `${entry.path}.${key}[${index}]`, value: showValue(name, undefined), legal }],
  );
}

function checkTtl(relay: Table): Problem[] {
  const dns = isTable(relay.dns) ? relay.dns : {};
  const [min, max] = [dns.min_ttl ?? "5s", dns.max_ttl ?? "5m"].map(millisecondsOf);
  if (min === undefined || max === undefined || min <= max) return [];
  const legal = "no more than max_ttl";
  return [{ path: "relay.dns.min_ttl", value: showValue(dns.min_ttl ?? "5s", undefined), legal }];
}

function millisecondsOf(value: unknown): number | undefined {
  return typeof value === "string" ? parseDuration(value) : undefined;
}
