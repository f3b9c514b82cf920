// The picture that `causeway stats` draws of a view: as many lines as there is room for. Pure.

import { type Column, tableLines } from "./table.ts";
import { bytes, duration, toWidth, visible } from "./text.ts";
import type { ConnectionView, ServiceView, StatsView, TunnelView, UserView } from "./view.ts";

/** Room in a terminal; Infinity: as much as it takes. */
export interface Room {
  readonly columns: number;
  readonly rows: number;
}

const SERVICES: readonly Column<ServiceView>[] = [
  { head: "SERVICE", of: ({ service }) => service, least: 12, spare: 0 },
  { head: "KIND", of: ({ kind }) => kind, spare: 2 },
  { head: "OPEN", of: ({ active }) => String(active), align: "right", spare: 0 },
  { head: "UP/S", of: (row) => bytes(row.up_rate), align: "right", spare: 0 },
  { head: "DOWN/S", of: (row) => bytes(row.down_rate), align: "right", spare: 0 },
  { head: "UP", of: ({ up }) => bytes(up), align: "right", spare: 3 },
  { head: "DOWN", of: ({ down }) => bytes(down), align: "right", spare: 3 },
  { head: "TOTAL", of: ({ requests }) => String(requests), align: "right", spare: 4 },
  { head: "REFUSED", of: ({ refused }) => String(refused), align: "right", spare: 1 },
];

const USERS: readonly Column<UserView>[] = [
  { head: "USER", of: ({ user }) => user, least: 8, spare: 0 },
  { head: "OPEN", of: ({ active }) => String(active), align: "right", spare: 0 },
  { head: "UP/S", of: (row) => bytes(row.up_rate), align: "right", spare: 0 },
  { head: "DOWN/S", of: (row) => bytes(row.down_rate), align: "right", spare: 0 },
  { head: "UP", of: ({ up }) => bytes(up), align: "right", spare: 2 },
  { head: "DOWN", of: ({ down }) => bytes(down), align: "right", spare: 2 },
  {
    head: "QUOTA LEFT",
    of: (row) => (row.quota_left === undefined ? "-" : bytes(row.quota_left)),
    align: "right",
    spare: 1,
  },
];

const TUNNELS: readonly Column<TunnelView>[] = [
  {
    head: "TUNNEL",
    of: ({ role, name }) => `${role === "server" ? "from" : "by"} ${name}`,
    least: 8,
    spare: 0,
  },
  { head: "PEER", of: ({ remote }) => remote, least: 9, spare: 3 },
  { head: "CARRIER", of: ({ engine }) => engine, spare: 2 },
  { head: "RTT", of: ({ rtt_ms }) => `${rtt_ms.toFixed(rtt_ms < 10 ? 1 : 0)} ms`, align: "right", spare: 0 },
  { head: "LOSS", of: ({ loss }) => `${(100 * loss).toFixed(1)} %`, align: "right", spare: 0 },
  { head: "RATE/S", of: ({ rate }) => bytes(rate), align: "right", spare: 0 },
  { head: "STREAMS", of: ({ streams }) => String(streams), align: "right", spare: 1 },
  { head: "RELAY", of: ({ relay }) => relay, least: 6, spare: 4 },
];

function connectionColumns(at: number): readonly Column<ConnectionView>[] {
  return [
    { head: "CLIENT", of: ({ client }) => client, least: 9, spare: 0 },
    { head: "USER", of: ({ user }) => user || "-", least: 6, spare: 3 },
    { head: "TARGET", of: ({ target }) => target, least: 12, spare: 0 },
    { head: "KIND", of: ({ kind }) => kind, spare: 2 },
    { head: "SERVICE", of: ({ service }) => service, least: 8, spare: 4 },
    { head: "UP", of: ({ up }) => bytes(up), align: "right", spare: 1 },
    { head: "DOWN", of: ({ down }) => bytes(down), align: "right", spare: 0 },
    { head: "AGE", of: (row) => duration(at - row.started_at), align: "right", spare: 0 },
  ];
}

/** The lines of one picture, none longer and not more than there is room for. `note` stands below the title. */
export function frame(view: StatsView, { columns, rows }: Room, note = ""): string[] {
  const { services, users, tunnels, connections, at, active } = view;
  const parts: Part[] = [
    partOf(tableLines(SERVICES, busiest(services), columns), services.length),
    ...(users.length === 0 ? [] : [partOf(tableLines(USERS, busiest(users), columns), users.length)]),
    ...(tunnels.length === 0
      ? []
      : [partOf(tableLines(TUNNELS, mostUsed(tunnels), columns), tunnels.length)]),
    partOf(tableLines(connectionColumns(at), oldestFirst(connections), columns), active),
  ];
  const title = titleLines(view, note);
  const lines = [...title, ...fill(parts, rows - title.length)];
  return lines.slice(0, rows).map((line) => cut(line, columns));
}

function titleLines(view: StatsView, note: string): string[] {
  const { source, at, since, active, requests, links } = view;
  const named = links.map(({ name, connected }) => `${visible(name)} ${connected ? "connected" : "DOWN"}`);
  return [
    `Causeway stats of ${visible(source)}, counting for ${duration(at - since)}`,
    [
      `${active} open of ${requests}`,
      `up ${bytes(view.up_rate)}/s (${bytes(view.up)})`,
      `down ${bytes(view.down_rate)}/s (${bytes(view.down)})`,
      ...(named.length === 0 ? [] : [`links: ${named.join(", ")}`]),
    ].join("  ·  "),
    ...(note === "" ? [] : [visible(note)]),
  ];
}

/** One table: its head, its rows, and how many rows there would be if all were listed. */
interface Part {
  readonly head: string;
  readonly body: readonly string[];
  readonly count: number;
}

function partOf([head = "", ...body]: readonly string[], count: number): Part {
  return { head, body, count };
}

/** Tables below each other, a blank line before each; one that is cut says how much is left out. */
function fill(parts: readonly Part[], rows: number): string[] {
  const wanted = parts.map(({ body, count }) => body.length + (count > body.length ? 1 : 0));
  const given = shares(wanted, rows - 2 * parts.length);
  return parts.flatMap(({ head, body, count }, index) => {
    const lines = given[index] ?? 0;
    if (lines < (wanted[index] ?? 0) && lines < 1) return [];
    const shown = lines >= (wanted[index] ?? 0) ? body : body.slice(0, lines - 1);
    const rest = count - shown.length;
    return ["", head, ...shown, ...(rest > 0 ? [`… and ${rest} more`] : [])];
  });
}

/** Shares `room` out: who wants little gets it, the others the same each. */
function shares(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0);
  let left = Math.max(0, room);
  const order = [...wanted.keys()].toSorted((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  for (const [done, index] of order.entries()) {
    const part = Math.min(wanted[index] ?? 0, Math.floor(left / (order.length - done)));
    given[index] = part;
    left -= part;
  }
  return given;
}

function busiest<
  Row extends { active: number; up: number; down: number; up_rate: number; down_rate: number },
>(rows: readonly Row[]): Row[] {
  const rate = (row: Row) => row.up_rate + row.down_rate;
  return rows.toSorted((a, b) => rate(b) - rate(a) || b.active - a.active || b.up + b.down - (a.up + a.down));
}

function mostUsed(tunnels: readonly TunnelView[]): TunnelView[] {
  return tunnels.toSorted((a, b) => b.streams - a.streams || a.name.localeCompare(b.name));
}

function oldestFirst(connections: readonly ConnectionView[]): ConnectionView[] {
  return connections.toSorted((a, b) => a.started_at - b.started_at);
}

function cut(line: string, columns: number): string {
  return Number.isFinite(columns) ? toWidth(line, columns).trimEnd() : line;
}
