// The table of active connections, kept current by snapshots and by the events between them.

import type { StatsMessage } from "../../shared/flow/snapshot.ts";
import { closeConnection } from "./close-connection.ts";
import { ConnectionList, type ListedConnection } from "./connection-list.ts";
import { byId, setText } from "./dom.ts";
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatDuration,
  formatRate,
  formatTime,
} from "./format.ts";
import { tryIt } from "./hints.ts";
import { type Column, type RowAction, Table, textColumn } from "./table.ts";

/** Builds the table and returns what brings it up to date; while `mayClose`, connections can be closed from it. */
export function createConnections(mayClose: () => boolean): (message: StatsMessage) => void {
  const list = new ConnectionList();
  const count = byId("connections-count");
  /** The stats object's clock, by which the connections' times were taken. */
  let clock = 0;
  const table = new Table<ListedConnection>(byId("connections"), {
    caption: "Active connections",
    columns: columns(() => clock),
    key: (row) => row.id,
    faded: (row) => row.closed !== undefined,
    sortedBy: 5,
    action: closing(mayClose, byId("connections-notice")),
    empty: () => ["No connections yet. Requests are listed once they last a second. ", ...tryIt("long")],
  });
  return (message) => {
    list.apply(message, Date.now());
    if (message.type === "snapshot") {
      clock = message.at;
      const listed = message.connections.length;
      setText(
        count,
        listed < message.active ? `${formatCount(listed)} of ${formatCount(message.active)} listed` : "",
      );
    }
    table.update(list.rows());
  };
}

function closing(mayClose: () => boolean, notice: HTMLElement): RowAction<ListedConnection> {
  return {
    label: "Close",
    describe: (row) => `Close the connection of ${row.client} to ${row.target || row.service}`,
    applies: (row) => row.closed === undefined && mayClose(),
    async run(row) {
      setText(notice, "");
      const problem = await closeConnection(row.id);
      setText(notice, problem ?? `The connection of ${row.client} was closed.`);
    },
  };
}

function columns(clock: () => number): Column<ListedConnection>[] {
  const age = ({ closed, started_at }: ListedConnection): string =>
    closed
      ? `lasted ${formatDuration(closed.ended_at - started_at)}`
      : `open for ${formatDuration(clock() - started_at)}`;
  return [
    textColumn("Kind", (row) => row.kind),
    textColumn("Service", (row) => row.service),
    textColumn("Client", (row) => row.client),
    textColumn("Target", (row) => row.target),
    textColumn("User", (row) => row.user),
    {
      label: "Started",
      numeric: true,
      text: (row) => formatTime(row.started_at),
      value: (row) => row.started_at,
      detail: (row) => `${formatDateTime(row.started_at)}, ${age(row)}`,
    },
    {
      label: "Down now",
      numeric: true,
      text: (row) => (row.closed ? row.closed.reason : formatRate(row.down_rate)),
      value: (row) => row.down_rate,
    },
    {
      label: "Up now",
      numeric: true,
      text: (row) => (row.closed ? "" : formatRate(row.up_rate)),
      value: (row) => row.up_rate,
    },
    byteColumn("Down", (row) => row.down),
    byteColumn("Up", (row) => row.up),
  ];
}

function byteColumn(label: string, value: (row: ListedConnection) => number): Column<ListedConnection> {
  return {
    label,
    numeric: true,
    text: (row) => formatBytes(value(row)),
    value,
    detail: (row) => `${formatCount(value(row))} bytes`,
  };
}
