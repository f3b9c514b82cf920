// The tiles at the top: current rates and what was counted in all.

import type { Snapshot } from "../../shared/flow/snapshot.ts";
import { byId, element, setAttribute, setText } from "./dom.ts";
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatFrequency,
  formatRate,
  formatShare,
} from "./format.ts";

interface Tile {
  readonly name: string;
  readonly label: string;
  value(snapshot: Snapshot): string;
  sum(snapshot: Snapshot): string;
  /** The exact figure behind a rounded one, shown on hovering. */
  detail?(snapshot: Snapshot): string;
}

const TILES: readonly Tile[] = [
  {
    name: "down",
    label: "Down",
    value: ({ rates }) => formatRate(rates.down),
    sum: ({ totals }) => `${formatBytes(totals.down)} in all`,
    detail: ({ totals }) => `${formatCount(totals.down)} bytes`,
  },
  {
    name: "up",
    label: "Up",
    value: ({ rates }) => formatRate(rates.up),
    sum: ({ totals }) => `${formatBytes(totals.up)} in all`,
    detail: ({ totals }) => `${formatCount(totals.up)} bytes`,
  },
  {
    name: "requests",
    label: "Requests",
    value: ({ rates }) => formatFrequency(rates.requests),
    sum: ({ totals }) => `${formatCount(totals.requests)} in all`,
  },
  {
    name: "active",
    label: "Open now",
    value: ({ active }) => formatCount(active),
    sum: ({ services }) => inServices(services.filter((service) => service.active > 0).length),
  },
  {
    name: "cache",
    label: "Cache hits",
    value: ({ totals }) => formatShare(totals.hits, totals.hits + totals.misses),
    sum: ({ totals }) => `${formatCount(totals.hits)} of ${formatCount(totals.hits + totals.misses)}`,
  },
  {
    name: "problems",
    label: "Errors",
    value: ({ totals }) => formatCount(totals.errors),
    sum: ({ totals }) => `${formatCount(totals.aborted)} aborted`,
  },
];

function inServices(count: number): string {
  if (count === 0) return "nothing open";
  return count === 1 ? "in 1 service" : `in ${formatCount(count)} services`;
}

/** Builds the tiles and returns what brings them up to date. */
export function createTotals(): (snapshot: Snapshot) => void {
  const host = byId("totals");
  const since = byId("counting-since");
  const drawn = TILES.map((tile) => {
    const value = element("dd", { class: "value" });
    const sum = element("dd", { class: "sum" });
    host.append(element("div", { class: `tile ${tile.name}` }, element("dt", {}, tile.label), value, sum));
    return { tile, value, sum };
  });
  return (snapshot) => {
    for (const { tile, value, sum } of drawn) {
      setText(value, tile.value(snapshot));
      setText(sum, tile.sum(snapshot));
      if (tile.detail) setAttribute(sum, "title", tile.detail(snapshot));
    }
    setText(since, `Counted since ${formatDateTime(snapshot.since)}`);
  };
}
