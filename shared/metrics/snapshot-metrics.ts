// The edge's metrics: the stats snapshot, the one that dashboards get, as metric families. Labels are names of the
// configuration, kinds, codes and tiers, never anything that a client chose; a snapshot lists a bounded number of services.
// Pure.

import { type ChannelSnapshot, TIERS } from "../flow/channel.ts";
import { LATENCY_BOUNDS_MS, type Latencies } from "../flow/latency.ts";
import type { TunnelReport } from "../flow/link.ts";
import type { LinkSnapshot, ServiceSnapshot, Snapshot } from "../flow/snapshot.ts";
import type { HistogramSample, Labels, MetricFamily, Sample } from "./prometheus.ts";

const BOUNDS_S = LATENCY_BOUNDS_MS.map((ms) => ms / 1_000);

export function snapshotMetrics(snapshot: Snapshot): MetricFamily[] {
  return [
    ...edgeMetrics(snapshot),
    ...serviceMetrics(snapshot.services),
    ...quotaMetrics(snapshot.services),
    ...channelMetrics(snapshot.services),
    ...relayMetrics(snapshot),
  ];
}

function edgeMetrics({ since, active, lost_sources, services }: Snapshot): MetricFamily[] {
  return [
    one("gauge", "causeway_counting_since_seconds", "When counting began, Unix time.", since / 1_000),
    one("gauge", "causeway_connections", "Transfers open in all services.", active),
    one("gauge", "causeway_services_listed", "Services with metrics of their own here.", services.length),
    one(
      "gauge",
      "causeway_lost_sources",
      "Isolates and relays that fell silent with work open: their last second may be missing.",
      lost_sources,
    ),
  ];
}

function serviceMetrics(services: readonly ServiceSnapshot[]): MetricFamily[] {
  return [
    {
      name: "causeway_requests_total",
      help: "Requests and connections, whatever became of them.",
      type: "counter",
      samples: each(services, (row) => row.requests),
    },
    {
      name: "causeway_bytes_total",
      help: "Body bytes from clients (up) and towards them (down).",
      type: "counter",
      samples: services.flatMap((row) => [
        { labels: { ...labelsOf(row), direction: "up" }, value: row.up },
        { labels: { ...labelsOf(row), direction: "down" }, value: row.down },
      ]),
    },
    {
      name: "causeway_messages_total",
      help: "WebSocket messages from clients (up) and towards them (down).",
      type: "counter",
      samples: services
        .filter(({ kind }) => kind === "ws")
        .flatMap((row) => [
          { labels: { ...labelsOf(row), direction: "up" }, value: row.messages_up },
          { labels: { ...labelsOf(row), direction: "down" }, value: row.messages_down },
        ]),
    },
    {
      name: "causeway_open_connections",
      help: "Transfers open now.",
      type: "gauge",
      samples: each(services, (row) => row.active),
    },
    {
      name: "causeway_aborted_total",
      help: "Transfers that did not end whole: the client left, or the far side broke off.",
      type: "counter",
      samples: each(services, (row) => row.aborted),
    },
    {
      name: "causeway_errors_total",
      help: "Requests that got no reply of their own, by error code; unknown: the source does not tell.",
      type: "counter",
      samples: services.flatMap(errorsOf),
    },
    {
      name: "causeway_cache_replies_total",
      help: "Replies that a cache gave (hit) and that had to be fetched for one (miss).",
      type: "counter",
      samples: services
        .filter(({ hits, misses }) => hits + misses > 0)
        .flatMap((row) => [
          { labels: { ...labelsOf(row), result: "hit" }, value: row.hits },
          { labels: { ...labelsOf(row), result: "miss" }, value: row.misses },
        ]),
    },
  ];
}

function quotaMetrics(services: readonly ServiceSnapshot[]): MetricFamily[] {
  const used: Sample[] = [];
  const limits: Sample[] = [];
  // A quota is shared by the kinds of a host, so its rows say the same.
  const hosts = new Map(services.flatMap(({ service, quota }) => (quota ? [[service, quota]] : [])));
  for (const [service, quota] of hosts) {
    used.push({ labels: { service }, value: quota.used });
    limits.push({ labels: { service }, value: quota.limit });
  }
  return [
    {
      name: "causeway_quota_used_bytes",
      help: "Of a host's quota in this period.",
      type: "gauge",
      samples: used,
    },
    {
      name: "causeway_quota_limit_bytes",
      help: "A host's quota per period.",
      type: "gauge",
      samples: limits,
    },
  ];
}

interface ChannelRow {
  readonly labels: { readonly channel: string };
  readonly channel: ChannelSnapshot;
}

function channelMetrics(services: readonly ServiceSnapshot[]): MetricFamily[] {
  const rows = services.flatMap(({ service, channel }): ChannelRow[] =>
    channel ? [{ labels: { channel: service }, channel }] : [],
  );
  return [
    {
      name: "causeway_channel_viewers",
      help: "Distinct viewers that were sent something within the last 30 s.",
      type: "gauge",
      samples: rows.map(({ labels, channel }) => ({ labels, value: channel.viewers })),
    },
    {
      name: "causeway_channel_replies_total",
      help: "Replies to viewers by where they came from.",
      type: "counter",
      samples: rows.flatMap(({ labels, channel }) =>
        TIERS.map((tier) => ({ labels: { ...labels, tier }, value: channel.tiers[tier] ?? 0 })),
      ),
    },
    {
      name: "causeway_channel_source",
      help: "The source in use, by its place in the configuration from 0.",
      type: "gauge",
      samples: rows.flatMap(({ labels, channel: { source } }) =>
        source ? [{ labels, value: source.index }] : [],
      ),
    },
    {
      name: "causeway_channel_segment_seconds",
      help: "From a viewer's request for a segment to the beginning of the reply.",
      type: "histogram",
      samples: rows.map(({ labels, channel }) => histogram(labels, channel.segment_ms)),
    },
    ...originMetrics(rows),
  ];
}

function originMetrics(rows: readonly ChannelRow[]): MetricFamily[] {
  return [
    {
      name: "causeway_origin_requests_total",
      help: "Fetches from a channel's origins, failed ones included.",
      type: "counter",
      samples: rows.map(({ labels, channel }) => ({ labels, value: channel.origin_requests })),
    },
    {
      name: "causeway_origin_bytes_total",
      help: "Body bytes that a channel's origins sent.",
      type: "counter",
      samples: rows.map(({ labels, channel }) => ({ labels, value: channel.origin_bytes })),
    },
    {
      name: "causeway_origin_errors_total",
      help: "Fetches from a channel's origins that failed, by error code.",
      type: "counter",
      samples: rows.flatMap(({ labels, channel }) =>
        Object.entries(channel.origin_errors).map(([code, value]) => ({
          labels: { ...labels, code },
          value,
        })),
      ),
    },
    {
      name: "causeway_origin_response_seconds",
      help: "From a fetch to the header fields of the origin's reply.",
      type: "histogram",
      samples: rows.map(({ labels, channel }) => histogram(labels, channel.origin_ms)),
    },
  ];
}

function relayMetrics({ links }: Snapshot): MetricFamily[] {
  return [
    {
      name: "causeway_relay_connected",
      help: "1 while a relay's control link is up.",
      type: "gauge",
      samples: links.map(({ name, connected }) => ({ labels: { relay: name }, value: connected ? 1 : 0 })),
    },
    {
      name: "causeway_relay_link_since_seconds",
      help: "When a relay's control link last came up or went down, Unix time.",
      type: "gauge",
      samples: links.map(({ name, since }) => ({ labels: { relay: name }, value: since / 1_000 })),
    },
    ...tunnelMetrics(links),
  ];
}

/** Of several sessions under one name the newest tells how the path is, as in a relay's own metrics. */
function tunnelMetrics(links: readonly LinkSnapshot[]): MetricFamily[] {
  const sessions = links.flatMap(({ name: relay, tunnels = [] }) =>
    tunnels.map((tunnel) => ({ labels: { relay, role: tunnel.role, name: tunnel.name }, tunnel })),
  );
  const named = Map.groupBy(sessions, ({ labels: { relay, role, name } }) =>
    JSON.stringify([relay, role, name]),
  );
  const newest = [...named.values()].flatMap((together) => together.slice(-1));
  const each = (value: (tunnel: TunnelReport) => number): Sample[] =>
    newest.map(({ labels, tunnel }) => ({ labels, value: value(tunnel) }));
  return [
    {
      name: "causeway_tunnel_sessions_open",
      help: "Sessions of relays' UDP tunnels that are open.",
      type: "gauge",
      samples: [...named.values()].flatMap((together) =>
        together.slice(-1).map(({ labels }) => ({ labels, value: together.length })),
      ),
    },
    {
      name: "causeway_tunnel_rtt_seconds",
      help: "Round-trip time of the newest session.",
      type: "gauge",
      samples: each(({ rtt_ms }) => rtt_ms / 1_000),
    },
    {
      name: "causeway_tunnel_loss_ratio",
      help: "Part of the newest session's packets that were lost.",
      type: "gauge",
      samples: each(({ loss }) => loss),
    },
    {
      name: "causeway_tunnel_rate_bytes_per_second",
      help: "What the newest session's path delivers, as far as it was used.",
      type: "gauge",
      samples: each(({ rate }) => rate),
    },
  ];
}

function labelsOf({ service, kind }: ServiceSnapshot): Labels {
  return { service, kind };
}

function each(services: readonly ServiceSnapshot[], value: (row: ServiceSnapshot) => number): Sample[] {
  return services.map((row) => ({ labels: labelsOf(row), value: value(row) }));
}

/** The codes sum up to all errors: what has none is told apart. */
function errorsOf(row: ServiceSnapshot): Sample[] {
  const coded = Object.entries(row.refused);
  const rest = row.errors - coded.reduce((sum, [, times]) => sum + times, 0);
  const all = rest > 0 ? [...coded, ["unknown", rest] as const] : coded;
  return all.map(([code, value]) => ({ labels: { ...labelsOf(row), code }, value }));
}

function histogram(labels: Labels, { counts, sum }: Latencies): HistogramSample {
  return { labels, bounds: BOUNDS_S, counts, sum: sum / 1_000 };
}

function one(type: "gauge", name: string, help: string, value: number): MetricFamily {
  return { name, help, type, samples: [{ value }] };
}
