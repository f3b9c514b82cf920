// The table of UDP tunnels: the open sessions of all relays, and how their paths are.

import type { TunnelReport } from "../../shared/flow/link.ts";
import type { LinkSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { byId } from "./dom.ts";
import { formatCount, formatLatency, formatLoss, formatRate } from "./format.ts";
import { type Column, Table, textColumn } from "./table.ts";

interface Row extends TunnelReport {
  readonly relay: string;
  readonly key: string;
}

const COLUMNS: readonly Column<Row>[] = [
  textColumn("Tunnel", (row) => `${row.role === "server" ? "from" : "by"} ${row.name}`),
  textColumn("Relay", (row) => row.relay),
  textColumn("Peer", (row) => row.remote),
  textColumn("Carrier", (row) => row.engine),
  number("Round trip", (row) => row.rtt_ms, formatLatency),
  number("Loss", (row) => row.loss, formatLoss),
  number("Rate", (row) => row.rate, formatRate),
  number("Streams", (row) => row.streams, formatCount),
];

function number(label: string, value: (row: Row) => number, format: (value: number) => string): Column<Row> {
  return { label, numeric: true, value, text: (row) => format(value(row)) };
}

/** Builds the table and returns what brings it up to date; it takes room only while there is a session. */
export function createTunnels(): (snapshot: Snapshot) => void {
  const host = byId("tunnels");
  const table = new Table<Row>(host, {
    caption: "UDP tunnels",
    columns: COLUMNS,
    key: (row) => row.key,
    sortedBy: COLUMNS.findIndex((column) => column.label === "Rate"),
    empty: () => [],
  });
  return ({ links }) => {
    const rows = rowsOf(links);
    host.hidden = rows.length === 0;
    table.update(rows);
  };
}

/** Nothing in a report names a session for good, and two may look the same: their order tells them apart. */
function rowsOf(links: readonly LinkSnapshot[]): Row[] {
  const seen = new Map<string, number>();
  return links.flatMap(({ name: relay, tunnels = [] }) =>
    tunnels.map((tunnel) => {
      const alike = JSON.stringify([relay, tunnel.role, tunnel.name, tunnel.remote]);
      const before = seen.get(alike) ?? 0;
      seen.set(alike, before + 1);
      return { ...tunnel, relay, key: `${alike} ${before}` };
    }),
  );
}
