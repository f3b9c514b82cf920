// Rules of hosts that span several keys: what one key needs of another one. They read the raw document, as rules.ts does.
// Pure.

import { canonicalOrigin } from "../http/cors.ts";
import { isForbiddenField } from "../http/header-rules.ts";
import { PLACEHOLDERS, unknownPlaceholders } from "../http/placeholders.ts";
import { MASK } from "./fields.ts";
import { formatPath, isTable } from "./inspect.ts";
import { isCheapEnough, parsePasswordHash } from "./password-hash.ts";
import { closestKey, type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Problems of hosts, and of what hosts need elsewhere, that no single key shows. */
export function checkHosts(raw: Table): Problem[] {
  const edge = tableOf(raw, "edge");
  return [
    ...entriesOf(raw, "hosts").flatMap((host) => [
      ...checkUpstreams(host),
      ...checkVia(host, raw),
      ...checkLog(host, edge),
      ...checkCors(host),
      ...checkQuota(host),
      ...checkSockets(host),
      ...checkUsers(host),
      ...checkHeaders(host, "request"),
      ...checkHeaders(host, "response"),
    ]),
    ...entriesOf(edge, "access_log", "edge.").flatMap(checkSink),
  ];
}

/** The table under `key`, empty where there is none. */
function tableOf(table: Table, key: string): Table {
  const value = table[key];
  return isTable(value) ? value : {};
}

/** The texts of the list under `key`. */
function textsOf(table: Table, key: string): string[] {
  const value = table[key];
  return Array.isArray(value) ? value.filter((item: unknown) => typeof item === "string") : [];
}

function problem(path: string, value: unknown, legal: string): Problem {
  return { path, value: showValue(value, undefined), legal };
}

function checkUpstreams({ path, table }: Entry): Problem[] {
  const { upstreams } = table;
  const missing = upstreams === undefined || (Array.isArray(upstreams) && upstreams.length === 0);
  if (!missing || tableOf(table, "redirect").to !== undefined) return [];
  return [problem(`${path}.upstreams`, upstreams, "one upstream or more, unless redirect.to is set")];
}

/** A relay is reached by its url, and asked with its key. */
function checkVia(host: Entry, raw: Table): Problem[] {
  const via = textOf(host, "via");
  const name = via?.startsWith("relay:") ? via.slice("relay:".length) : undefined;
  if (name === undefined) return [];
  const relay = entriesOf(raw, "relays").find((entry) => textOf(entry, "name") === name);
  if (relay?.table.url !== undefined && relay.table.key !== undefined) return [];
  return [problem(`${host.path}.via`, via, "the name of an entry of [[relays]] that has url and key")];
}

function checkLog({ path, table }: Entry, edge: Table): Problem[] {
  if (table.access_log !== true || entriesOf(edge, "access_log").length > 0) return [];
  return [problem(`${path}.access_log`, true, "false, unless edge.access_log has an entry")];
}

function checkSink({ path, table }: Entry): Problem[] {
  if (table.kind === "http" && table.url === undefined)
    return [problem(`${path}.url`, undefined, 'a URL, because kind = "http"')];
  if (table.kind !== "console") return [];
  return ["url", "headers"].flatMap((key) =>
    table[key] === undefined
      ? []
      : [{ path: `${path}.${key}`, value: "something", legal: 'nothing, because kind = "console"' }],
  );
}

/** What is not metered is not counted either. */
function checkQuota({ path, table }: Entry): Problem[] {
  if (table.quota === undefined) return [];
  const legal = "true, because quota counts what is metered";
  return [
    ...(table.meter === false ? [problem(`${path}.meter`, false, legal)] : []),
    ...(tableOf(table, "websocket").meter === false
      ? [problem(`${path}.websocket.meter`, false, legal)]
      : []),
  ];
}

/** A socket that is handed through untouched ends unseen, so it cannot be counted while it is open. */
function checkSockets({ path, table }: Entry): Problem[] {
  const sockets = tableOf(table, "websocket");
  if (sockets.meter !== false) return [];
  const legal = "nothing, because websocket.meter = false";
  return ["max_connections", "max_per_ip"].flatMap((key) =>
    sockets[key] === undefined ? [] : [problem(`${path}.websocket.${key}`, sockets[key], legal)],
  );
}

/** A costly hash would hold up the edge's only thread at each first sign-in. */
function checkUsers(host: Entry): Problem[] {
  const users = entriesOf(host.table, "basic_auth", `${host.path}.`);
  const costly = users.filter((user) => {
    const hash = parsePasswordHash(textOf(user, "password") ?? "");
    return hash !== undefined && !isCheapEnough(hash);
  });
  const legal = 'a hash as "causeway hash" makes it: a costlier one would stop the edge for too long';
  return [
    ...costly.map(({ path }) => ({ path: `${path}.password`, value: MASK, legal })),
    ...duplicates(users, "user", (user) => textOf(user, "user")),
    ...duplicates(entriesOf(host.table, "bearer", `${host.path}.`), "name", (entry) => textOf(entry, "name")),
  ];
}

/** With credentials "*" stands for nothing but itself (Fetch standard §3.2.5), and any site could act for the visitor. */
function checkCors({ path, table }: Entry): Problem[] {
  const cors = tableOf(table, "cors");
  const origins = textsOf(cors, "origins");
  const problems = origins.flatMap((origin, index) =>
    canonicalOrigin(origin) === undefined
      ? [problem(`${path}.cors.origins[${index}]`, origin, "an origin that a browser can have")]
      : [],
  );
  if (cors.credentials !== true) return problems;
  const wild = ["origins", "headers", "expose"].filter((key) => textsOf(cors, key).includes("*"));
  const legal = 'a list without "*", because credentials = true';
  return [...problems, ...wild.map((key) => problem(`${path}.cors.${key}`, "*", legal))];
}

function checkHeaders({ path, table }: Entry, direction: "request" | "response"): Problem[] {
  const rules = tableOf(tableOf(table, "headers"), direction);
  const at = `${path}.headers.${direction}`;
  const removed = textsOf(rules, "remove").flatMap((name, index) =>
    checkName(name, `${at}.remove[${index}]`, direction),
  );
  const written = ["set", "add"].flatMap((verb) => {
    const fields = tableOf(rules, verb);
    const names = new Set<string>();
    return Object.entries(fields).flatMap(([name, value]) => {
      const here = `${at}.${verb}.${formatPath([name])}`;
      const twice = names.has(name.toLowerCase());
      names.add(name.toLowerCase());
      if (twice) return [problem(here, name, "a header that the table does not have already")];
      return [...checkName(name, here, direction), ...checkValue(value, here)];
    });
  });
  return [...removed, ...written];
}

function checkName(name: string, path: string, direction: "request" | "response"): Problem[] {
  if (!isForbiddenField(name, direction)) return [];
  return [problem(path, name, "a header other than those of one connection, of framing and of the proxy")];
}

/** What is close to a placeholder is a mistyped one; other braces belong to the value. */
function checkValue(value: unknown, path: string): Problem[] {
  if (typeof value !== "string") return [];
  const mistyped = unknownPlaceholders(value).find((name) => closestKey(name, PLACEHOLDERS) !== undefined);
  if (mistyped === undefined) return [];
  const meant = closestKey(mistyped, PLACEHOLDERS) ?? "";
  const legal = `a known placeholder: did you mean "{${meant}}"? ("{{" stands for a brace)`;
  return [problem(path, `{${mistyped}}`, legal)];
}
