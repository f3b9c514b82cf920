// Rules that span keys of the relay's listeners: what a public one needs, ports that two would share, ranges that do not
// match. They read the raw document, like rules.ts. Pure.

import { parseCidr } from "../net/cidr.ts";
import { isLoopbackAuthority } from "../net/loopback.ts";
import { type HostPorts, parseHostPorts, portCount } from "../net/ports.ts";
import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";
import { checkTunnelClients } from "./udpack-rules.ts";

const PROXIES: readonly string[] = ["mixed", "socks", "http"];
const FORWARDS: readonly string[] = ["tcp", "udp"];
const KINDS: readonly string[] = [...PROXIES, ...FORWARDS, "ingress", "udpack"];

/** Problems of [[relay.inbounds]] that no single key shows. */
export function checkInbounds(relay: Table): Problem[] {
  const inbounds = entriesOf(relay, "inbounds", "relay.");
  const hasUsers = Array.isArray(relay.users) && relay.users.length > 0;
  return [
    ...inbounds.flatMap((entry) => {
      const kind = textOf(entry, "kind") ?? "";
      return [
        ...(PROXIES.includes(kind) ? checkAuth(entry, hasUsers) : []),
        ...(FORWARDS.includes(kind) ? checkForward(entry) : []),
        ...(kind === "udpack" ? checkTunnelClients(entry, relay) : []),
        ...checkBalancers(entry),
        ...checkName(entry, kind),
      ];
    }),
    ...duplicates(inbounds, "name", (entry) => textOf(entry, "name")),
    ...sharedPorts(inbounds),
  ];
}

function problem(entry: Entry, key: string, legal: string, value = entry.table[key]): Problem {
  return { path: `${entry.path}.${key}`, value: showValue(value, undefined), legal };
}

/** The address of a listener beyond loopback. */
function publicListen(entry: Entry): string | undefined {
  const listen = textOf(entry, "listen");
  return listen === undefined || isLoopbackAuthority(withoutRange(listen)) ? undefined : listen;
}

function withoutRange(listen: string): string {
  return listen.replace(/-\d*$/, "");
}

function checkAuth(entry: Entry, hasUsers: boolean): Problem[] {
  const listen = publicListen(entry);
  const hasPassword = textOf(entry, "auth") === "password";
  if (listen !== undefined && !hasPassword) {
    const legal = `"password", because ${showValue(listen, undefined)} is not a loopback address`;
    return [problem(entry, "auth", legal, entry.table.auth ?? "none")];
  }
  if (!hasPassword || hasUsers) return [];
  const legal = `one user or more, because ${entry.path} has auth = "password"`;
  return [{ path: "relay.users", value: "nobody", legal }];
}

function checkForward(entry: Entry): Problem[] {
  const listen = publicListen(entry);
  const problems: Problem[] = [];
  if (listen !== undefined && entry.table.public !== true) {
    const legal = `true, because ${showValue(listen, undefined)} is not a loopback address`;
    problems.push(problem(entry, "public", legal, entry.table.public ?? false));
  }
  const from = parseHostPorts(textOf(entry, "listen") ?? "");
  const to = parseHostPorts(textOf(entry, "target") ?? "");
  if (to === undefined) return problems;
  const count = from === undefined ? 1 : portCount(from);
  if (portCount(to) !== 1 && portCount(to) !== count) {
    problems.push(problem(entry, "target", `one port, or as many as listen has, which is ${count}`));
  } else if (from !== undefined && overlap(from, to)) {
    problems.push(problem(entry, "target", "another address than listen: the forward would dial itself"));
  }
  return problems;
}

/** Whoever may say who the client is may say anything, so that must not be everybody. */
function checkBalancers(entry: Entry): Problem[] {
  const settings = entry.table.proxy_protocol;
  const from: unknown = isTable(settings) ? settings.from : undefined;
  if (publicListen(entry) === undefined || !Array.isArray(from)) return [];
  return from.flatMap((range: unknown, index) => {
    if (typeof range !== "string" || parseCidr(range)?.prefix !== 0) return [];
    const path = `${entry.path}.proxy_protocol.from[${index}]`;
    const legal = "the load balancers' own range: everybody could name any client";
    return [{ path, value: showValue(range, undefined), legal }];
  });
}

/** Rules know inbounds by name or kind. */
function checkName(entry: Entry, kind: string): Problem[] {
  const name = textOf(entry, "name");
  if (name === undefined || name === kind || !KINDS.includes(name)) return [];
  return [problem(entry, "name", "a name that is no other kind of inbound")];
}

/** Two listeners cannot have the same port of an address; UDP has ports of its own, and port 0 is a free one each time. */
function sharedPorts(inbounds: readonly Entry[]): Problem[] {
  const taken: { readonly entry: Entry; readonly ports: HostPorts; readonly on: readonly string[] }[] = [];
  return inbounds.flatMap((entry) => {
    const ports = parseHostPorts(textOf(entry, "listen") ?? "");
    if (ports === undefined) return [];
    const on = transportsOf(entry);
    const first = taken.find(
      (other) => overlap(other.ports, ports) && other.on.some((way) => on.includes(way)),
    );
    taken.push({ entry, ports, on });
    if (first === undefined) return [];
    return [problem(entry, "listen", `something that ${first.entry.path} does not have already`)];
  });
}

/** The UDP tunnel listens for WebSockets beside its datagrams. */
function transportsOf({ table: { kind, websocket } }: Entry): readonly string[] {
  if (kind === "udp" || (kind === "udpack" && websocket === false)) return ["udp"];
  return kind === "udpack" ? ["udp", "tcp"] : ["tcp"];
}

function overlap(a: HostPorts, b: HostPorts): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && a.first <= b.last && b.first <= a.last;
}
