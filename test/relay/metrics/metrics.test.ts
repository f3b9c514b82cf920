// What a scraper reads of a relay that is at work, with one thread and with two: the figures are those of all together.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ProcessWatch } from "../../../relay/metrics/process-watch.ts";
import { relayMetrics } from "../../../relay/metrics/relay-metrics.ts";
import { hashPassword } from "../../../relay/password.ts";
import { metricsText } from "../../../shared/metrics/prometheus.ts";
import {
  closedPort,
  openSocks,
  RawClient,
  type RunningRelay,
  socksRequest,
  startEcho,
  startRelay,
  startWithUser,
} from "../harness.ts";

const SERVICE = '{kind="socks",service="test/mixed"';

function scrape({ relay }: RunningRelay): string {
  return metricsText(relayMetrics(relay.stats()));
}

async function echoed(port: number, echo: number, bytes: number): Promise<RawClient> {
  const client = await openSocks(port, "127.0.0.1", echo);
  client.send(Buffer.alloc(bytes));
  await client.take(bytes);
  return client;
}

async function askAsAlice(port: number, target: number, password = "secret"): Promise<RawClient> {
  const client = await RawClient.open(port);
  client.send([5, 1, 2]);
  await client.take(2);
  client.send(Buffer.from(`\x01\x05alice${String.fromCharCode(password.length)}${password}`, "latin1"));
  if ((await client.take(2))[1] !== 0) return client;
  client.send(socksRequest("127.0.0.1", target));
  await client.take(10);
  return client;
}

describe.each([1, 2])("metrics of a relay with %i threads", (workers) => {
  it("count connections, bytes, ends and refusals to the last one", async () => {
    const running = await startRelay({ config: { workers } });
    const echo = await startEcho();
    const clients = await Promise.all(Array.from({ length: 9 }, () => echoed(running.port, echo, 1_000)));
    for (const client of clients.slice(0, 4)) {
      client.socket.end();
      await client.closed();
    }
    await expect(openSocks(running.port, "127.0.0.1", await closedPort())).rejects.toThrow("reply 5");
    await expect
      .poll(() => scrape(running))
      .toContain(`closed_total{kind="socks",reason="done",service="test/mixed"} 4`);
    await expect.poll(() => scrape(running)).toContain("dial_failed");
    const text = scrape(running);
    expect(text).toContain(`causeway_relay_connections_total${SERVICE}} 9\n`);
    expect(text).toContain(`causeway_relay_connections_open${SERVICE}} 5\n`);
    for (const direction of ["up", "down"])
      expect(text).toContain(
        `causeway_relay_bytes_total{direction="${direction}",kind="socks",service="test/mixed"} 9000\n`,
      );
    expect(text).toContain(
      'causeway_relay_refused_total{code="connection_refused",kind="socks",service="test/mixed"} 1\n',
    );
    expect(text).toContain('causeway_relay_events_total{type="dial_failed"} 1\n');
    expect(text).toMatch(/^causeway_relay_places_taken [56]$/m);
    expect(text).toMatch(
      /inbound_state\{inbound="mixed 127\.0\.0\.1:\d+",service="test\/mixed",state="running"\} 1\n/,
    );
    expect(text.match(/causeway_relay_thread_busy_seconds_total\{/g)).toHaveLength(
      workers === 1 ? 1 : workers + 1,
    );
  });

  it("tell what users have moved and what is left to them", async () => {
    const state = await mkdtemp(join(tmpdir(), "causeway-metrics-"));
    const quota = { bytes: 50_000_000, period: "total" } as const;
    const users = [
      { name: "alice", password: await hashPassword("secret"), quota, rate: 2e7, max_connections: 7 },
    ];
    const running = await startRelay({ config: { workers, state, users }, inbound: { auth: "password" } });
    const client = await askAsAlice(running.port, await startEcho());
    client.send(Buffer.alloc(5_000));
    await client.take(5_000);
    // Threads tell of a new connection a moment later.
    await expect.poll(() => scrape(running)).toContain('connections_open{user="alice"} 1');
    const text = scrape(running);
    expect(text).toContain('causeway_relay_user_bytes_total{direction="up",user="alice"} 5000\n');
    expect(text).toContain('causeway_relay_user_connections_open{user="alice"} 1\n');
    expect(text).toContain('causeway_relay_user_connections_max{user="alice"} 7\n');
    expect(text).toContain('causeway_relay_user_rate_bytes_per_second{user="alice"} 20000000\n');
    expect(text).toContain('causeway_relay_user_quota_bytes{period="total",user="alice"} 50000000\n');
    expect(text).toContain('causeway_relay_user_quota_left_bytes{period="total",user="alice"} 49990000\n');
  });

  it("count failed sign-ins, also where the log would not tell of them", async () => {
    const running = await startWithUser({ workers });
    await askAsAlice(running.port, 1, "wrong");
    await running.event("auth_failed");
    expect(scrape(running)).toContain('causeway_relay_events_total{type="auth_failed"} 1\n');
  });
});

describe("metrics of names", () => {
  it("tell what was found in the cache, in whatever thread", async () => {
    const hosts = join(await mkdtemp(join(tmpdir(), "causeway-dns-")), "hosts");
    const running = await startRelay({
      config: {
        workers: 2,
        dns: { servers: ["127.0.0.1:1"], hosts_file: hosts, min_ttl: 0, max_ttl: 0, family: "ipv4" },
      },
    });
    const failed = () => running.relay.stats().dns.failed;
    const before = failed();
    await expect(openSocks(running.port, "name.test", 80)).rejects.toThrow("reply 1");
    expect(failed() - before).toBe(1);
  });
});

describe("ProcessWatch", () => {
  it("names memory, time and descriptors as other exporters do", () => {
    const watch = new ProcessWatch();
    onTestFinished(() => watch.stop());
    const text = metricsText(watch.metrics());
    for (const name of [
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
      "process_start_time_seconds",
    ])
      expect(text).toMatch(new RegExp(`^${name} [1-9.][0-9.e+]*$`, "m"));
    expect(text).toMatch(/^causeway_relay_loop_delay_seconds\{quantile="0.99"\} [0-9.e-]+$/m);
  });
});
