// The relays and the state of their control links.

import type { TunnelReport } from "../../shared/flow/link.ts";
import type { LinkSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { byId, element } from "./dom.ts";
import { formatCount, formatDateTime, formatLatency, formatRate, formatShare } from "./format.ts";

/** Builds the list and returns what brings it up to date. */
export function createRelays(): (snapshot: Snapshot) => void {
  const host = byId("relays");
  let drawn: string | undefined;
  return ({ links }) => {
    const current = JSON.stringify(links);
    if (current === drawn) return;
    drawn = current;
    host.replaceChildren(
      links.length > 0 ? element("ul", { class: "relays" }, ...links.map(describe)) : empty(),
    );
  };
}

function describe(link: LinkSnapshot): HTMLElement {
  const state = link.connected ? "connected" : "disconnected";
  const inbounds = link.inbounds.map((inbound) => element("li", {}, element("code", {}, inbound)));
  return element(
    "li",
    {},
    element("span", { class: "name" }, link.name),
    element("span", { class: `pill ${link.connected ? "live" : "lost"}` }, state),
    element("span", { class: "footnote" }, `since ${formatDateTime(link.since)}`),
    element("span", { class: "footnote" }, link.version ? `version ${link.version}` : ""),
    element("ul", { class: "inbounds", "aria-label": `Listeners of ${link.name}` }, ...inbounds),
    ...(link.tunnels === undefined || link.tunnels.length === 0
      ? []
      : [tunnelTable(link.name, link.tunnels)]),
  );
}

const COLUMNS = ["Tunnel", "Peer", "Carrier", "Round trip", "Loss", "Rate", "Streams"] as const;

function tunnelTable(relay: string, tunnels: readonly TunnelReport[]): HTMLElement {
  const heads = COLUMNS.map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    { class: "tunnels", "aria-label": `Tunnels of ${relay}` },
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...tunnels.map(tunnelRow)),
  );
}

function tunnelRow({ role, name, remote, engine, rtt_ms, loss, rate, streams }: TunnelReport): HTMLElement {
  const cells = [
    `${role === "server" ? "from" : "by"} ${name}`,
    remote,
    engine,
    formatLatency(rtt_ms),
    formatShare(loss, 1),
    formatRate(rate),
    formatCount(streams),
  ];
  return element("tr", {}, ...cells.map((text) => element("td", {}, text)));
}

function empty(): HTMLElement {
  return element(
    "p",
    { class: "empty" },
    "No relay has connected yet. A relay connects here when its configuration names this edge; start one with ",
    element("code", {}, "causeway relay"),
    ".",
  );
}
