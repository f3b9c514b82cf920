// The relays and the state of their control links.

import type { LinkSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { byId, element } from "./dom.ts";
import { formatDateTime } from "./format.ts";

/** Builds the list and returns what brings it up to date. */
export function createRelays(): (snapshot: Snapshot) => void {
  const host = byId("relays");
  let drawn: string | undefined;
  return ({ links }) => {
    const current = JSON.stringify(links.map((link) => ({ ...link, tunnels: undefined })));
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
  );
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
