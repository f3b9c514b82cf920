import { describe, expect, it } from "vitest";
import { noChannelCounts } from "../../../shared/flow/channel.ts";
import { noLatencies } from "../../../shared/flow/latency.ts";
import { metricsText } from "../../../shared/metrics/prometheus.ts";
import { snapshotMetrics } from "../../../shared/metrics/snapshot-metrics.ts";
import { service, snapshot } from "../../browser/sample.ts";

function tunnel(name: string, rtt_ms: number) {
  const path = { remote: "192.0.2.7:4100", engine: "offload", loss: 0.01, rate: 5_000, streams: 1 };
  return { role: "server" as const, name, rtt_ms, ...path };
}

const CHANNEL = {
  ...noChannelCounts(),
  tiers: { memory: 5, r2: 1 },
  origin_requests: 4,
  origin_bytes: 999,
  origin_errors: { origin_status: 2 },
  segment_ms: { counts: [3, 0, 1], sum: 7 },
  viewers: 3,
  recent_ms: noLatencies(),
  source: { index: 1, of: 2, host: "secret-path.test" },
};

const SNAPSHOT = snapshot({
  services: [
    {
      ...service("app.test", "http", { requests: 9, up: 1, down: 2, errors: 3 }),
      refused: { rate_limited: 2 },
    },
    { ...service("chat.test", "ws", { messages_up: 7 }), quota: { used: 5, limit: 10, resets_at: 0 } },
    { ...service("ch_a", "hls", { hits: 6, misses: 2 }), channel: CHANNEL },
  ],
  links: [
    {
      name: "main",
      connected: true,
      since: 1_000,
      version: "1",
      inbounds: [],
      tunnels: [tunnel("laptop", 90), tunnel("laptop", 50), tunnel("phone", 20)],
    },
  ],
  lost_sources: 2,
});

const TEXT = metricsText(snapshotMetrics(SNAPSHOT));
const LINES = TEXT.split("\n");

describe("snapshotMetrics", () => {
  it.each([
    "causeway_lost_sources 2",
    'causeway_requests_total{kind="http",service="app.test"} 9',
    'causeway_bytes_total{direction="down",kind="http",service="app.test"} 2',
    'causeway_messages_total{direction="up",kind="ws",service="chat.test"} 7',
    'causeway_errors_total{code="rate_limited",kind="http",service="app.test"} 2',
    'causeway_errors_total{code="unknown",kind="http",service="app.test"} 1',
    'causeway_cache_replies_total{kind="hls",result="hit",service="ch_a"} 6',
    'causeway_quota_limit_bytes{service="chat.test"} 10',
    'causeway_channel_viewers{channel="ch_a"} 3',
    'causeway_channel_replies_total{channel="ch_a",tier="memory"} 5',
    'causeway_channel_replies_total{channel="ch_a",tier="origin"} 0',
    'causeway_channel_source{channel="ch_a"} 1',
    'causeway_origin_bytes_total{channel="ch_a"} 999',
    'causeway_origin_errors_total{channel="ch_a",code="origin_status"} 2',
    'causeway_channel_segment_seconds_bucket{channel="ch_a",le="0.004"} 4',
    'causeway_channel_segment_seconds_sum{channel="ch_a"} 0.007',
    'causeway_channel_segment_seconds_count{channel="ch_a"} 4',
    'causeway_relay_connected{relay="main"} 1',
    'causeway_tunnel_sessions_open{name="laptop",relay="main",role="server"} 2',
    'causeway_tunnel_rtt_seconds{name="laptop",relay="main",role="server"} 0.05',
    'causeway_tunnel_loss_ratio{name="phone",relay="main",role="server"} 0.01',
    'causeway_tunnel_rate_bytes_per_second{name="phone",relay="main",role="server"} 5000',
  ])("says %s", (line) => {
    expect(LINES).toContain(line);
  });

  it("has each family once, and each sample once", () => {
    const names = LINES.filter((line) => line.startsWith("# TYPE"));
    expect(new Set(names).size).toBe(names.length);
    const samples = LINES.filter((line) => line !== "" && !line.startsWith("#")).map((line) =>
      line.replace(/ \S+$/, ""),
    );
    expect(new Set(samples).size).toBe(samples.length);
  });
});
