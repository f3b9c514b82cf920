// Rules that span several keys. They read the raw document, so that they report beside the schema's problems and not
// after them; a value of the wrong type is the schema's problem and is passed over here. Pure.

import { canonicalHost } from "../net/host-name.ts";
import { isLoopbackAuthority } from "../net/loopback.ts";
import { HostSet } from "../net/routes.ts";
import { checkSources } from "./channel-rules.ts";
import { checkHosts } from "./host-rules.ts";
import { checkInbounds } from "./inbound-rules.ts";
import { isTable } from "./inspect.ts";
import { checkLists } from "./lists-rules.ts";
import { checkOutbounds } from "./outbound-rules.ts";
import { type Problem, showValue } from "./problem.ts";
import { duplicates, type Entry, entriesOf, type Table, textOf } from "./rule-entries.ts";
import { checkTransportStreams } from "./transport-rules.ts";
import { checkWays } from "./upstream-rules.ts";
import { checkViewers } from "./viewer-rules.ts";

/** Problems that no single key shows. */
export function checkRules(raw: Table): Problem[] {
  const edge = isTable(raw.edge) ? raw.edge : {};
  const relay = isTable(raw.relay) ? raw.relay : {};
  return [
    ...duplicates(entriesOf(edge, "tokens", "edge."), "name", (entry) => textOf(entry, "name")),
    ...duplicates(entriesOf(raw, "hosts"), "host", hostKey),
    ...sharedHosts(edge, raw),
    ...checkHosts(raw),
    ...checkWays(raw),
    ...duplicates(entriesOf(raw, "channels"), "id", (entry) => textOf(entry, "id")),
    ...checkSources(raw),
    ...checkTransportStreams(raw),
    ...checkLists(raw),
    ...duplicates(entriesOf(edge, "signing_keys", "edge."), "id", (entry) => textOf(entry, "id")),
    ...checkViewers(raw),
    ...duplicates(entriesOf(raw, "relays"), "name", (entry) => textOf(entry, "name")),
    ...duplicates(entriesOf(relay, "users", "relay."), "name", (entry) => textOf(entry, "name")),
    ...checkLink(relay),
    ...checkAdmin(relay),
    ...checkInbounds(relay),
    ...checkOutbounds(relay),
  ];
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

/** The admin API can close and open everything: it stays on the machine, and knows who asks. */
function checkAdmin(relay: Table): Problem[] {
  const { admin } = relay;
  if (typeof admin !== "string") return [];
  const problems: Problem[] = [];
  if (!isLoopbackAuthority(admin)) {
    problems.push({
      path: "relay.admin",
      value: showValue(admin, undefined),
      legal: 'a loopback address, as in "127.0.0.1:8790"',
    });
  }
  if (relay.admin_token === undefined) {
    const legal = "a token, because relay.admin is set";
    problems.push({ path: "relay.admin_token", value: "nothing", legal });
  }
  return problems;
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
