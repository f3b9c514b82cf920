// The table of channels: who watches, what the origins are spared, and how quickly segments come.

import { type ChannelSnapshot, isHit, TIERS, type Tier } from "../../shared/flow/channel.ts";
import { quantile } from "../../shared/flow/latency.ts";
import type { ServiceSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { byId, setText } from "./dom.ts";
import { formatBytes, formatCount, formatLatency, formatRate, formatShare, NOTHING } from "./format.ts";
import { type Column, Table, textColumn } from "./table.ts";

/** A service that is a channel. */
interface Row extends ServiceSnapshot {
  readonly channel: ChannelSnapshot;
}

const TIER_NAMES: Readonly<Record<Tier, string>> = {
  memory: "memory",
  edge: "data centre",
  r2: "R2",
  collapsed: "joined a fetch",
  stale: "stale",
  origin: "origin",
  bypass: "origin, not stored",
};

const COLUMNS: readonly Column<Row>[] = [
  textColumn("Channel", (row) => row.service),
  {
    label: "Viewers",
    numeric: true,
    text: ({ channel }) => formatCount(channel.viewers),
    value: ({ channel }) => channel.viewers,
    detail: () => "Distinct viewers that were sent something within the last 30 s",
  },
  {
    label: "Down now",
    numeric: true,
    text: (row) => formatRate(row.down_rate),
    value: (row) => row.down_rate,
  },
  {
    label: "To viewers",
    numeric: true,
    text: (row) => formatBytes(row.down),
    value: (row) => row.down,
    detail: (row) => `${formatCount(row.down)} bytes in ${formatCount(row.requests)} requests`,
  },
  {
    label: "From origin",
    numeric: true,
    text: ({ channel }) => formatBytes(channel.origin_bytes),
    value: ({ channel }) => channel.origin_bytes,
    detail: ({ channel }) =>
      `${formatCount(channel.origin_bytes)} bytes in ${formatCount(channel.origin_requests)} requests`,
  },
  {
    label: "Cache hits",
    numeric: true,
    text: ({ channel }) => formatShare(hitsOf(channel), repliesOf(channel)),
    value: ({ channel }) => hitsOf(channel) / Math.max(1, repliesOf(channel)),
    detail: ({ channel }) => tiersOf(channel) || "No replies",
  },
  {
    label: "Segment p95",
    numeric: true,
    text: ({ channel }) => latencyOf(channel, 0.95),
    value: ({ channel }) => quantile(channel.recent_ms, 0.95) ?? -1,
    detail: ({ channel }) =>
      `Until the reply begins, in the last minute or two; half of them ${latencyOf(channel, 0.5)}`,
  },
  {
    label: "Source",
    text: ({ channel: { source } }) => (source ? `${source.index + 1} of ${source.of}` : NOTHING),
    value: ({ channel: { source } }) => source?.index ?? -1,
    detail: ({ channel: { source } }) => source?.host ?? "Not known yet",
  },
  {
    label: "Errors",
    numeric: true,
    text: (row) => formatCount(row.errors),
    value: (row) => row.errors,
    detail: errorsOf,
  },
];

function repliesOf({ tiers }: ChannelSnapshot): number {
  return TIERS.reduce((sum, tier) => sum + (tiers[tier] ?? 0), 0);
}

function hitsOf({ tiers }: ChannelSnapshot): number {
  return TIERS.filter(isHit).reduce((sum, tier) => sum + (tiers[tier] ?? 0), 0);
}

/** Each tier's share, in the order in which they are asked. */
function tiersOf(channel: ChannelSnapshot): string {
  const all = repliesOf(channel);
  return TIERS.flatMap((tier) => {
    const replies = channel.tiers[tier] ?? 0;
    return replies > 0 ? [`${TIER_NAMES[tier]} ${formatShare(replies, all)}`] : [];
  }).join(", ");
}

function latencyOf({ recent_ms }: ChannelSnapshot, share: number): string {
  const ms = quantile(recent_ms, share);
  return ms === undefined ? NOTHING : formatLatency(ms);
}

function errorsOf({ refused, channel }: Row): string {
  const viewers = byCode(refused);
  const origins = byCode(channel.origin_errors);
  return (
    [viewers && `Viewers: ${viewers}`, origins && `Origins: ${origins}`].filter(Boolean).join(". ") || "None"
  );
}

/** The most frequent first. */
function byCode(times: Readonly<Record<string, number>>): string {
  return Object.entries(times)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${formatCount(count)}`)
    .join(", ");
}

/** Builds the table and returns what brings it up to date; its card shows once a channel was watched. */
export function createChannels(): (snapshot: Snapshot) => void {
  const card = byId("channels-card");
  const total = byId("channels-viewers");
  const table = new Table<Row>(byId("channels"), {
    caption: "Channels",
    columns: COLUMNS,
    key: (row) => row.service,
    sortedBy: COLUMNS.findIndex((column) => column.label === "Viewers"),
    empty: () => [],
  });
  return ({ services }) => {
    const rows = services.filter((row): row is Row => row.channel !== undefined);
    card.hidden = rows.length === 0;
    const viewers = rows.reduce((sum, { channel }) => sum + channel.viewers, 0);
    setText(total, viewers === 1 ? "1 viewer" : `${formatCount(viewers)} viewers`);
    table.update(rows);
  };
}
