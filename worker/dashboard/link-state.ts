// The state of the page's own connection: a line in the header, and the page greyed while its data is stale.

import type { LinkState } from "./connection.ts";
import { byId, setText } from "./dom.ts";
import { formatTime } from "./format.ts";

const TEXT: Readonly<Record<LinkState, string>> = {
  connecting: "Connecting…",
  live: "Live",
  lost: "Reconnecting…",
};

/** Shows `state`; `dataAt` is when the newest snapshot came, in milliseconds by this machine's clock. */
export function showLinkState(state: LinkState | "signed_out", dataAt: number | undefined): void {
  const host = byId("link-state");
  host.hidden = state === "signed_out";
  byId("dashboard").classList.toggle("stale", state === "lost");
  if (state === "signed_out") return;
  const since = dataAt === undefined ? "No data yet" : `No data since ${formatTime(dataAt)}`;
  setText(host, state === "lost" ? `${TEXT.lost} ${since}` : TEXT[state]);
  host.className = `pill ${state}`;
}
