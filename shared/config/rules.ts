// Rules that span several keys. They read the raw document, so that they report beside the schema's problems and not
// after them; a value of the wrong type is the schema's problem and is passed over here. Pure.

import { canonicalHost } from "../net/host-name.ts";
import { isLoopbackAuthority } from "../net/loopback.ts";
import { HostSet } from "../net/routes.ts";
import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";

type Table = Readonly<Record<string, unknown>>;

/** A table of a list, with its printed path. */
interface Entry {
  readonly path: string;
  readonly table: Table;
}

/** Problems that no single key shows. */
export function checkRules(raw: Table): Problem[] {
  const edge = isTable(raw.edge) ? raw.edge : {};
  const relay = isTable(raw.relay) ? raw.relay : {};
  return [
    ...duplicates(entriesOf(edge, "tokens", "edge."), "name", (entry) => textOf(entry, "name")),
    ...duplicates(entriesOf(raw, "hosts"), "host", hostKey),
    ...sharedHosts(edge, raw),
    ...duplicates(entriesOf(raw, "channels"), "id", (entry) => textOf(entry, "id")),
    ...duplicates(entriesOf(raw, "relays"), "name", (entry) => textOf(entry, "name")),
    ...duplicates(entriesOf(relay, "users", "relay."), "name", (entry) => textOf(entry, "name")),
    ...checkLink(relay),
    ...checkInbounds(relay),
  ];
}

function entriesOf(table: Table, key: string, prefix = ""): Entry[] {
  const list = table[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) =>
    isTable(item) ? [{ path: `${prefix}${key}[${index}]`, table: item }] : [],
  );
}

function textOf(entry: Entry, key: string): string | undefined {
  const value = entry.table[key];
  return typeof value === "string" ? value : undefined;
}

function duplicates(
  entries: readonly Entry[],
  key: string,
  identityOf: (entry: Entry) => string | undefined,
): Problem[] {
  const firstPaths = new Map<string, string>();
  return entries.flatMap((entry) => {
    const identity = identityOf(entry);
    if (identity === undefined) return [];
    const first = firstPaths.get(identity);
    if (first === undefined) {
      firstPaths.set(identity, entry.path);
      return [];
    }
    const legal = `something that ${first} does not have already`;
    return [{ path: `${entry.path}.${key}`, value: showValue(entry.table[key], undefined), legal }];
  });
}

/** Host names are compared as routing does, in their canonical spelling; paths as they stand. */
function hostKey(entry: Entry): string | undefined {
  const host = textOf(entry, "host");
  const path = entry.table.path === undefined ? "/*" : textOf(entry, "path");
  return path === undefined || host === undefined ? undefined : `${canonicalHost(host)} ${path}`;
}

/** A host that channels have serves nothing else, so an entry for it would never be asked. */
function sharedHosts(edge: Table, raw: Table): Problem[] {
  const channelHosts = Array.isArray(edge.channel_hosts) ? (edge.channel_hosts as unknown[]) : [];
  const covered = new HostSet(channelHosts.filter((name) => typeof name === "string"));
  return entriesOf(raw, "hosts").flatMap((entry) => {
    const host = textOf(entry, "host");
    if (host === undefined || !covered.has(host)) return [];
    return [
      {
        path: `${entry.path}.host`,
        value: showValue(host, undefined),
        legal: "a host that edge.channel_hosts does not cover: those serve channels only",
      },
    ];
  });
}

function checkLink(relay: Table): Problem[] {
  const edge = relay.edge;
  if (typeof edge !== "string") return [];
  const problems: Problem[] = [];
  if (relay.edge_token === undefined) {
    problems.push({
      path: "relay.edge_token",
      value: "nothing",
      legal: "a token, because relay.edge is set",
    });
  }
  const host = /^ws:\/\/([^/?#]*)/i.exec(edge)?.[1];
  if (host !== undefined && !isLoopbackAuthority(host)) {
    const legal = "wss://, because plain ws:// may go to loopback only";
    problems.push({ path: "relay.edge", value: showValue(edge, undefined), legal });
  }
  return problems;
}

function checkInbounds(relay: Table): Problem[] {
  const inbounds = entriesOf(relay, "inbounds", "relay.");
  const hasUsers = Array.isArray(relay.users) && relay.users.length > 0;
  const problems = inbounds.flatMap((entry) => {
    const listen = textOf(entry, "listen");
    const isPublic = listen !== undefined && !isLoopbackAuthority(listen);
    const hasPassword = textOf(entry, "auth") === "password";
    if (isPublic && !hasPassword) {
      const legal = `"password", because ${showValue(listen, undefined)} is not a loopback address`;
      return [{ path: `${entry.path}.auth`, value: showValue(entry.table.auth ?? "none", undefined), legal }];
    }
    if (!hasPassword || hasUsers) return [];
    return [
      {
        path: "relay.users",
        value: "nobody",
        legal: `one user or more, because ${entry.path} has auth = "password"`,
      },
    ];
  });
  return [...problems, ...duplicates(inbounds, "listen", listenKey)];
}

/** Port 0 takes a free port each time, so it never collides. */
function listenKey(entry: Entry): string | undefined {
  const listen = textOf(entry, "listen");
  return listen === undefined || /:0+$/.test(listen) ? undefined : listen.toLowerCase();
}
