// A relay's stats as metric families. Labels are names of the configuration, kinds, codes and reasons, never anything that a
// client chose: a user's name is one that signed in. Pure.

import { METRICS_LIMITS } from "../../shared/limits.ts";
import type { Labels, MetricFamily, Sample } from "../../shared/metrics/prometheus.ts";
import type { Moved, RelayStats, ServiceStats, SessionStats, TunnelStats, UserTermsStats } from "./stats.ts";

const PREFIX = "causeway_relay_";

export function relayMetrics(stats: RelayStats): MetricFamily[] {
  return [
    ...wholeMetrics(stats),
    ...serviceMetrics(stats.services),
    ...userMetrics(stats),
    ...termsMetrics(stats.terms.slice(0, METRICS_LIMITS.USERS_MAX)),
    ...tunnelMetrics(stats.tunnels.slice(0, METRICS_LIMITS.USERS_MAX)),
    ...runtimeMetrics(stats),
  ];
}

function wholeMetrics({ name, version, started_at, places, inbounds, link }: RelayStats): MetricFamily[] {
  const linkMetrics = link && [
    gauge("link_connected", "1 while the control link to the edge is up.", [
      { value: link.connected ? 1 : 0 },
    ]),
    counter("link_connects_total", "Times that the control link came up.", [{ value: link.connects }]),
  ];
  return [
    gauge("info", "The relay's name and version.", [{ labels: { name, version }, value: 1 }]),
    gauge("start_time_seconds", "When counting began, Unix time.", [{ value: started_at / 1_000 }]),
    gauge("places_taken", "Client connections, handshakes and waits included.", [{ value: places.taken }]),
    gauge("places_max", "Client connections that there may be.", [{ value: places.max }]),
    gauge(
      "inbound_state",
      "1 for the state that an inbound is in.",
      inbounds.map(({ id, service, state }) => ({ labels: { inbound: id, service, state }, value: 1 })),
    ),
    ...(linkMetrics ?? []),
  ];
}

function serviceMetrics(services: readonly ServiceStats[]): MetricFamily[] {
  const rows = services.map((row) => ({ labels: { service: row.service, kind: row.kind }, row }));
  return [
    counter(
      "connections_total",
      "Connections and requests that were carried.",
      rows.map(({ labels, row }) => ({ labels, value: row.opened })),
    ),
    gauge(
      "connections_open",
      "Those of them that are open.",
      rows.map(({ labels, row }) => ({ labels, value: row.active })),
    ),
    counter(
      "bytes_total",
      "Bytes from clients (up) and towards them (down).",
      rows.flatMap(({ labels, row }) => bothWays(labels, row)),
    ),
    counter(
      "closed_total",
      "Connections that are over, by how they ended.",
      rows.flatMap(({ labels, row }) => byName(labels, "reason", row.closed)),
    ),
    counter(
      "refused_total",
      "Wishes that were not met, by error code; unknown: it is not told.",
      rows.flatMap(({ labels, row }) => byName(labels, "code", row.refused)),
    ),
  ];
}

function userMetrics({ users }: RelayStats): MetricFamily[] {
  return [
    counter(
      "user_connections_total",
      'A user\'s connections; users past a bound are ":other".',
      users.map(({ user, opened }) => ({ labels: { user }, value: opened })),
    ),
    gauge(
      "user_connections_open",
      "A user's connections that are open.",
      users.map(({ user, active }) => ({ labels: { user }, value: active })),
    ),
    counter(
      "user_bytes_total",
      "A user's bytes, from the user (up) and to the user (down).",
      users.flatMap(({ user, ...moved }) => bothWays({ user }, moved)),
    ),
  ];
}

function termsMetrics(terms: readonly UserTermsStats[]): MetricFamily[] {
  const each = (value: (terms: UserTermsStats) => number | undefined): Sample[] =>
    terms.flatMap((row) => sample({ user: row.user }, value(row)));
  const quotas = terms.flatMap(({ user, quota }) =>
    quota === undefined ? [] : [{ labels: { user, period: quota.period }, quota }],
  );
  return [
    gauge(
      "user_connections_max",
      "Connections that a user may have.",
      each((row) => row.max_connections),
    ),
    gauge(
      "user_rate_bytes_per_second",
      "What a user may move per second, each way.",
      each((row) => row.rate),
    ),
    gauge(
      "user_expires_seconds",
      "When a user's time is over, Unix time.",
      each(({ expires_at }) => (expires_at === undefined ? undefined : expires_at / 1_000)),
    ),
    gauge(
      "user_quota_bytes",
      "A user's quota per period.",
      quotas.map(({ labels, quota }) => ({ labels, value: quota.limit })),
    ),
    gauge(
      "user_quota_left_bytes",
      "What is left of it in this period.",
      quotas.flatMap(({ labels, quota }) => sample(labels, quota.left)),
    ),
  ];
}

/** Of several sessions under one name the newest tells how the path is. */
function tunnelMetrics(tunnels: readonly TunnelStats[]): MetricFamily[] {
  const rows = tunnels.map((row) => ({
    labels: { role: row.role, service: row.service, name: row.name },
    row,
  }));
  const ofPath = (value: (session: SessionStats) => number): Sample[] =>
    rows.flatMap(({ labels, row }) => {
      const newest = row.sessions.at(-1);
      return newest === undefined ? [] : [{ labels, value: value(newest) }];
    });
  return [
    counter(
      "tunnel_sessions_total",
      "Sessions of the UDP tunnel.",
      rows.map(({ labels, row }) => ({ labels, value: row.opened })),
    ),
    gauge(
      "tunnel_sessions_open",
      "Sessions of the UDP tunnel that are open.",
      rows.map(({ labels, row }) => ({ labels, value: row.sessions.length })),
    ),
    counter(
      "tunnel_bytes_total",
      "Bytes of the tunnel's datagrams, as sent and received here.",
      rows.flatMap(({ labels, row }) => [
        { labels: { ...labels, direction: "sent" }, value: row.sent },
        { labels: { ...labels, direction: "received" }, value: row.received },
      ]),
    ),
    gauge(
      "tunnel_rtt_seconds",
      "Round-trip time of the newest session.",
      ofPath(({ rtt_ms }) => rtt_ms / 1_000),
    ),
    gauge(
      "tunnel_loss_ratio",
      "Part of the newest session's packets that were lost.",
      ofPath(({ loss }) => loss),
    ),
    gauge(
      "tunnel_rate_bytes_per_second",
      "What the newest session's path delivers, as far as it was used.",
      ofPath(({ rate }) => rate),
    ),
  ];
}

function runtimeMetrics({ dns, events, threads }: RelayStats): MetricFamily[] {
  return [
    counter(
      "dns_lookups_total",
      "Names looked up, by outcome: hit in the cache; else name servers answered, know no such name, or failed.",
      [
        { labels: { outcome: "hit" }, value: dns.hits },
        { labels: { outcome: "answered" }, value: dns.answered },
        { labels: { outcome: "unknown" }, value: dns.unknown },
        { labels: { outcome: "failed" }, value: dns.failed },
      ],
    ),
    counter("events_total", "Reported events other than connections', by type.", byName({}, "type", events)),
    counter(
      "thread_busy_seconds_total",
      "Time that a thread's event loop was at work.",
      threads.map(({ thread, busy_ms }) => ({ labels: { thread }, value: busy_ms / 1_000 })),
    ),
    counter(
      "thread_idle_seconds_total",
      "Time that a thread's event loop had nothing to do.",
      threads.map(({ thread, idle_ms }) => ({ labels: { thread }, value: idle_ms / 1_000 })),
    ),
  ];
}

function bothWays(labels: Labels, { up, down }: Pick<Moved, "up" | "down">): Sample[] {
  return [
    { labels: { ...labels, direction: "up" }, value: up },
    { labels: { ...labels, direction: "down" }, value: down },
  ];
}

function byName(labels: Labels, label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { ...labels, [label]: name }, value }));
}

function sample(labels: Labels, value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value }];
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name: PREFIX + name, help, type: "counter", samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name: PREFIX + name, help, type: "gauge", samples };
}
