// Everything at once: sizes and encodings, WebSockets, channels and the relay side by side. However the transfers interleave,
// every sum that the stats show is exact, and they agree with one another.

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import type { Counters } from "../../shared/flow/counters.ts";
import { startRelay } from "../relay/harness.ts";
import { CLIENT_KEYS, clientConfig, SERVER_KEYS } from "../relay/tunnel/pair.ts";
import { type Product, startProduct } from "../support/product.ts";
import { readCount, readStats, untilCounted } from "../support/stats.ts";
import { finish, move, openSocks, startTarget, type TcpTarget } from "../support/tunnel.ts";

const SIZES = [1_024, 100 * 1_024, 1_024 * 1_024, 50_000_000];
const VIEWERS = 20;

let product: Product;
let target: TcpTarget;

beforeAll(async () => {
  const inbounds = [
    { kind: "mixed", listen: "127.0.0.1:0" },
    {
      kind: "udpack",
      listen: "127.0.0.1:0",
      key: SERVER_KEYS.secret,
      clients: [{ name: "laptop", public_key: CLIENT_KEYS.public }],
    },
  ];
  [target, product] = await Promise.all([startTarget(), startProduct({ relay: { inbounds } })]);
});

afterAll(async () => {
  await product?.stop();
  await target?.stop();
});

async function bytesOf(reply: Response): Promise<number> {
  expect(reply.status).toBe(200);
  let bytes = 0;
  for await (const chunk of reply.body ?? new ReadableStream<Uint8Array>()) bytes += chunk.byteLength;
  return bytes;
}

async function sum(counts: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(counts)).reduce((total, count) => total + count, 0);
}

/** Downloads every size in every form, several of the small ones; resolves to the bytes received. */
function downloads(): Promise<number> {
  const headers = { "accept-encoding": "gzip" };
  const paths = SIZES.flatMap((size) => {
    const forms = ["bytes", "chunked", "gzip"].map((form) => `/${form}/${size}`);
    return size < 1_000_000 ? Array.from({ length: VIEWERS }, () => forms).flat() : forms;
  });
  return sum(
    paths.map(async (path) => bytesOf(await product.fetchHost("demo.localhost", path, { headers }))),
  );
}

/** Sends messages through WebSockets that echo them; resolves to the bytes that went each way. */
function echoes(): Promise<number> {
  return sum(
    Array.from({ length: VIEWERS }, async (_, n) => {
      const url = `${product.edge.replace("http", "ws")}/echo`;
      const client = new WebSocket(url, { headers: { host: "echo.localhost" } });
      await once(client, "open");
      const message = Buffer.alloc(1_000 * (n + 1));
      client.send(message);
      await once(client, "message");
      client.close(1000);
      await once(client, "close");
      return message.length;
    }),
  );
}

/** Plays the same segments for several viewers, who meet in the cache; resolves to the bytes received. */
async function segments(): Promise<number> {
  const playlist = await fetch(`${product.edge}/proxy/ch_demo/stream.m3u8`);
  const text = await playlist.text();
  const paths = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(paths.length).toBeGreaterThan(1);
  const viewers = Array.from({ length: VIEWERS }, () =>
    sum(paths.map(async (path) => bytesOf(await fetch(new URL(path, playlist.url))))),
  );
  return Buffer.byteLength(text) + (await sum(viewers));
}

/** Carries bytes each way through the relay; resolves to the bytes each way. */
function tunnels(): Promise<number> {
  const bytes = 300_001;
  return sum(
    Array.from({ length: VIEWERS }, async () => {
      const tunnel = await target.through(openSocks, product.proxyPort);
      await Promise.all([
        move(tunnel.client, tunnel.server, bytes),
        move(tunnel.server, tunnel.client, bytes),
      ]);
      await finish(tunnel);
      return bytes;
    }),
  );
}

describe("the stats of traffic of every kind at once", () => {
  it("are exact for each service, and totals and series say the same", async () => {
    const [http, ws, hls, socks] = await Promise.all([downloads(), echoes(), segments(), tunnels()]);
    const requests = 3 * (2 * VIEWERS + 2);
    const whole = { aborted: 0, errors: 0, active: 0 };
    await untilCounted(product, "demo.localhost", { requests, up: 0, down: http, ...whole });
    await untilCounted(product, "echo.localhost", { requests: VIEWERS, up: ws, down: ws, ...whole }, "ws");
    await untilCounted(product, "ch_demo", { up: 0, down: hls, ...whole }, "hls");
    await untilCounted(
      product,
      "main/mixed",
      { requests: VIEWERS, up: socks, down: socks, ...whole },
      "socks",
    );
    const played = await readCount(product, "ch_demo", "hls");
    expect((played.hits ?? 0) + (played.misses ?? 0)).toBe(played.requests);
    expect(played.misses).toBeLessThan(VIEWERS);

    const { totals, services, series } = await readStats(product);
    for (const name of Object.keys(totals) as (keyof Counters)[]) {
      const counted = services.reduce((total, service) => total + service[name], 0);
      expect([name, totals[name]]).toEqual([name, counted]);
    }
    const [up, down] = series.points.reduce(([u, d], point) => [u + point[1], d + point[2]], [0, 0]);
    expect({ up, down }).toEqual({ up: totals.up, down: totals.down });
  });
});

describe("a session of a relay's UDP tunnel", () => {
  it("counts as flows, exactly, and shows its round trip, loss and rate", async () => {
    const near = await startRelay({ config: clientConfig(product.proxyPorts[1] ?? 0) });
    const tunnel = await target.through(openSocks, near.port);
    await move(tunnel.client, tunnel.server, 300_001);
    await move(tunnel.server, tunnel.client, 3_000_001);
    const told = await vi.waitFor(
      async () => {
        const [session] = (await readStats(product)).links.flatMap(({ tunnels = [] }) => tunnels);
        if (session === undefined || session.streams === 0) throw new Error("It is not told of yet");
        return session;
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(told).toMatchObject({ role: "server", name: "laptop", streams: 1, loss: expect.any(Number) });
    expect(Math.min(told.rtt_ms, told.rate)).toBeGreaterThan(0);
    const metrics = await (await product.api("/metrics")).text();
    for (const name of ["sessions_open", "rtt_seconds", "loss_ratio", "rate_bytes_per_second"])
      expect(metrics).toMatch(
        new RegExp(`^causeway_tunnel_${name}\\{name="laptop",relay="main",role="server"\\} \\d`, "m"),
      );
    await finish(tunnel);
    const counts = { requests: 1, up: 300_001, down: 3_000_001, aborted: 0, errors: 0, active: 0 };
    await untilCounted(product, "main/udpack", counts, "udpack");
  });
});

describe("an aborted download", () => {
  it("counts no less than its client got and less than the whole", async () => {
    const size = 200_000_000;
    const before = (await readCount(product, "demo.localhost", "http")).down ?? 0;
    const leaving = new AbortController();
    const reply = await product.fetchHost("demo.localhost", `/bytes/${size}`, { signal: leaving.signal });
    let received = 0;
    const reading = (async () => {
      for await (const chunk of reply.body ?? new ReadableStream<Uint8Array>()) {
        received += chunk.byteLength;
        if (received > 5_000_000) leaving.abort();
      }
    })();
    await expect(reading).rejects.toThrow();
    await untilCounted(product, "demo.localhost", { aborted: 1, active: 0 });
    const counted = ((await readCount(product, "demo.localhost", "http")).down ?? 0) - before;
    expect(counted).toBeGreaterThanOrEqual(received);
    expect(counted).toBeLessThan(size);
  });
});
