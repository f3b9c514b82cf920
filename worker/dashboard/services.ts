// The table of services: hosts, channels and inbounds with what was counted for each.

import type { ServiceSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { byId } from "./dom.ts";
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatDay,
  formatRate,
  formatShare,
  NOTHING,
} from "./format.ts";
import { tryIt } from "./hints.ts";
import { type Column, Table, textColumn } from "./table.ts";

const COLUMNS: readonly Column<ServiceSnapshot>[] = [
  textColumn("Service", (row) => row.service),
  { label: "Kind", text: (row) => row.kind, value: (row) => row.kind },
  number("Open", (row) => row.active, formatCount),
  number("Down now", (row) => row.down_rate, formatRate),
  number("Up now", (row) => row.up_rate, formatRate),
  number("Down", (row) => row.down, formatBytes, " bytes"),
  number("Up", (row) => row.up, formatBytes, " bytes"),
  number("Requests", (row) => row.requests, formatCount),
  {
    label: "Messages",
    numeric: true,
    text: (row) => (messages(row) > 0 ? formatCount(messages(row)) : NOTHING),
    value: messages,
    detail: (row) => `${formatCount(row.messages_up)} up, ${formatCount(row.messages_down)} down`,
  },
  {
    label: "Errors",
    numeric: true,
    text: (row) => formatCount(row.errors),
    value: (row) => row.errors,
    detail: (row) => refusals(row) || "No error codes",
  },
  number("Aborted", (row) => row.aborted, formatCount),
  {
    label: "Cache hits",
    numeric: true,
    text: (row) => formatShare(row.hits, row.hits + row.misses),
    value: (row) => row.hits / Math.max(1, row.hits + row.misses),
    detail: (row) => `${formatCount(row.hits)} hits, ${formatCount(row.misses)} misses`,
  },
  {
    label: "Quota used",
    numeric: true,
    text: ({ quota }) => (quota ? formatShare(quota.used, quota.limit) : NOTHING),
    value: ({ quota }) => (quota ? quota.used / quota.limit : -1),
    detail: ({ quota }) =>
      quota
        ? `${formatBytes(quota.used)} of ${formatBytes(quota.limit)}, resets ${formatDateTime(quota.resets_at)}`
        : "No quota",
  },
  {
    label: "Expires",
    text: (row) => (row.expires_at === undefined ? NOTHING : formatDay(row.expires_at)),
    value: (row) => row.expires_at ?? Number.MAX_SAFE_INTEGER,
    detail: (row) => (row.expires_at === undefined ? "Never" : `From ${formatDay(row.expires_at)} on (UTC)`),
  },
];

/** Refusals by error code, the most frequent first. */
function refusals({ refused }: ServiceSnapshot): string {
  return Object.entries(refused)
    .sort(([, a], [, b]) => b - a)
    .map(([code, times]) => `${code} ${formatCount(times)}`)
    .join(", ");
}

/** WebSocket messages both ways. */
function messages(row: ServiceSnapshot): number {
  return row.messages_up + row.messages_down;
}

function number(
  label: string,
  value: (row: ServiceSnapshot) => number,
  format: (value: number) => string,
  unit?: string,
): Column<ServiceSnapshot> {
  const column = { label, numeric: true, value, text: (row: ServiceSnapshot) => format(value(row)) };
  return unit ? { ...column, detail: (row) => formatCount(value(row)) + unit } : column;
}

/** Builds the table and returns what brings it up to date. */
export function createServices(): (snapshot: Snapshot) => void {
  const table = new Table<ServiceSnapshot>(byId("services"), {
    caption: "Services",
    columns: COLUMNS,
    key: (row) => `${row.kind} ${row.service}`,
    sortedBy: COLUMNS.findIndex((column) => column.label === "Down"),
    empty: () => ["Nothing was counted yet. A service appears with its first request. ", ...tryIt("short")],
  });
  return (snapshot) => table.update(snapshot.services);
}
