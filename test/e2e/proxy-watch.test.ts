// Requests that wait for a silent upstream, under the timer that all of an isolate share: deadlines hold, clients that
// leave give their place back, however early or late, and whatever becomes of the request whose context hosts the timer.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OddOrigin, startOddOrigin } from "../support/odd-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { untilCounted } from "../support/stats.ts";

const DEADLINE_MS = 3_000;

let odd: OddOrigin;
let product: Product;

beforeAll(async () => {
  odd = await startOddOrigin();
  const upstreams = [odd.url];
  product = await startProduct({
    config: {
      hosts: [
        { host: "late.test", upstreams, response_header_timeout: `${DEADLINE_MS}ms` },
        { host: "left.test", upstreams, max_connections: 3, response_header_timeout: "1m" },
      ],
      channels: [{ id: "ch_left", sources: [`${odd.url}/index.m3u8`] }],
    },
  });
}, 60_000);

afterAll(async () => {
  await product.stop();
  await odd.stop();
});

/** Sends a request that is never answered and resolves once the upstream has it. */
async function hang(host: string, path: string): Promise<{ client: Socket; upstream: Socket }> {
  const client = connect(Number(new URL(product.edge).port), "127.0.0.1");
  client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return { client, upstream: (await odd.requested(path)).socket };
}

describe("a silent upstream", () => {
  it("is a 504 at the deadline, for each of several requests", async () => {
    const startedAt = performance.now();
    const replies = await Promise.all([1, 2, 3].map((n) => product.fetchHost("late.test", `/hang?late${n}`)));
    const tookMs = performance.now() - startedAt;
    expect(replies.map(({ status }) => status)).toEqual([504, 504, 504]);
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
    expect(tookMs).toBeGreaterThan(DEADLINE_MS - 100);
    expect(tookMs).toBeLessThan(DEADLINE_MS + 2_000);
  });

  it("holds no place and no connection for clients that have left, at once or after a while", async () => {
    const parties = await Promise.all([1, 2, 3].map((n) => hang("left.test", `/hang?left${n}`)));
    expect((await product.fetchHost("left.test", "/x")).status).toBe(503);
    for (const { client, upstream } of parties) {
      const closed = once(upstream, "close");
      client.resetAndDestroy();
      await closed;
    }
    await untilCounted(product, "left.test", { requests: 4, aborted: 3, errors: 1, active: 0 });

    const patient = await hang("left.test", "/hang?patient");
    await untilCounted(product, "left.test", { active: 1 });
    const closed = once(patient.upstream, "close");
    patient.client.resetAndDestroy();
    await closed;
    await untilCounted(product, "left.test", { requests: 5, aborted: 4, active: 0 });
    expect((await product.fetchHost("left.test", "/x")).status).toBe(200);
  });

  it("counts no viewer as present who has left, neither the one who fetches nor those who wait with it", async () => {
    const path = "/proxy/ch_left/hang.ts";
    const viewers = [1, 2, 3].map(() => {
      const viewer = connect(Number(new URL(product.edge).port), "127.0.0.1");
      viewer.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      return viewer;
    });
    await untilCounted(product, "ch_left", { requests: 3, active: 3 }, "hls");
    for (const viewer of viewers) viewer.resetAndDestroy();
    await untilCounted(product, "ch_left", { requests: 3, aborted: 3, errors: 0, active: 0 }, "hls");
  });
});
