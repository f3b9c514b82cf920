// Parts that end in the middle of traffic: what is under way elsewhere goes on, what breaks is seen to break, and the totals
// stay exact.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CliRun, runCli } from "../support/cli.ts";
import { type Product, startProduct } from "../support/product.ts";
import { readCount, readStats, untilCounted, untilLink, untilListed } from "../support/stats.ts";
import { endedInOrder, finish, move, openSocks, startTarget, type TcpTarget } from "../support/tunnel.ts";

const MIB = 1024 * 1024;
const SERVICE = "main/mixed";

let product: Product;
let target: TcpTarget;

describe("the edge, killed and started again", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    [target, product] = await Promise.all([startTarget(), startProduct()]);
    await untilLink(product, "main", true);
  });

  afterAll(async () => {
    await product?.stop();
    await target?.stop();
  });

  it("breaks no connection of the relay, and its totals are exact: neither lost nor doubled", async () => {
    const tunnel = await target.through(openSocks, product.proxyPort);
    const both = (bytes: number) =>
      Promise.all([move(tunnel.client, tunnel.server, bytes), move(tunnel.server, tunnel.client, 2 * bytes)]);
    let up = 0;
    const carry = async (bytes: number): Promise<void> => {
      await both(bytes);
      up += bytes;
    };
    for (const bytes of [3 * MIB, MIB]) {
      await carry(bytes);
      await untilListed(product, "socks", (flow) => flow.up === up);
      // Not yet reported, or under way, when the edge dies.
      await carry(bytes + 1);
      const killedAt = Date.now();
      await product.killEdge();
      await carry(bytes + 2);
      const meanwhile = await target.through(openSocks, product.proxyPort);
      await move(meanwhile.client, meanwhile.server, 1_000);
      await finish(meanwhile);
      await product.restartEdge();
      await untilLink(product, "main", true, killedAt);
      await carry(bytes + 3);
    }
    await finish(tunnel);
    const counts = { requests: 3, up: up + 2_000, down: 2 * up, aborted: 0, active: 0 };
    await untilCounted(product, SERVICE, counts, "socks");
    expect(await readStats(product)).toMatchObject({ lost_sources: 0 });
  });

  it.each(["/slow?bytes=20000000&ms=60000", "/sse"])(
    "breaks a download of %s for the client, who cannot take the part for the whole",
    async (path) => {
      const reply = await product.fetchHost("demo.localhost", path);
      const reader = reply.body?.getReader();
      expect((await reader?.read())?.value?.byteLength).toBeGreaterThan(0);
      const rest = (async () => {
        while (!(await reader?.read())?.done);
      })();
      await Promise.all([expect(rest).rejects.toThrow(), product.killEdge()]);
      await product.restartEdge();
      expect((await product.fetchHost("demo.localhost", "/bytes/10")).status).toBe(200);
    },
  );
});

describe("a relay process", { timeout: 60_000 }, () => {
  const token = "the-token-of-a-relay-that-is-restarted";
  let directory: string;
  let run: CliRun | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "causeway-restart-"));
    target = await startTarget();
    product = await startProduct({ config: { relays: [{ name: "main", token }], relay: undefined } });
  });

  afterEach(async () => {
    run?.child.kill("SIGKILL");
    await run?.ended;
  });

  afterAll(async () => {
    await product?.stop();
    await target?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Starts `causeway relay`; resolves to its port once the edge shows its link. */
  async function start(): Promise<number> {
    const startedAt = Date.now();
    const config = join(directory, "relay.toml");
    const lines = [
      "[relay]",
      `edge = "${product.edge.replace("http", "ws")}"`,
      `edge_token = "${token}"`,
      'drain_timeout = "20s"',
      "[[relay.inbounds]]",
      'kind = "mixed"',
      'listen = "127.0.0.1:0"',
    ];
    await writeFile(config, lines.join("\n"));
    run = runCli(["relay", "--config", config], { cwd: directory });
    const [, port] = await run.until(/listens on 127\.0\.0\.1:(\d+)\n/);
    await untilLink(product, "main", true, startedAt);
    return Number(port);
  }

  it("that is killed loses what it had not reported, says so, and keeps the totals before", async () => {
    const before = await readCount(product, SERVICE, "socks");
    const tunnel = await target.through(openSocks, await start());
    await move(tunnel.server, tunnel.client, 5 * MIB);
    await untilListed(product, "socks", ({ down }) => down === 5 * MIB);
    await move(tunnel.server, tunnel.client, MIB);
    run?.child.kill("SIGKILL");
    expect(await run?.ended).toBeNull();
    // The kernel ends a killed process's connections; in order or not is not in the relay's hands.
    await Promise.all([tunnel.client, tunnel.server].map((socket) => endedInOrder(socket.end())));
    await untilLink(product, "main", false);

    const again = await target.through(openSocks, await start());
    // The restarted relay takes the place of the killed one, whose connections are gone.
    expect(await readStats(product)).toMatchObject({ active: 0, connections: [], lost_sources: 1 });
    await move(again.server, again.client, 3 * MIB);
    await finish(again);
    await untilCounted(product, SERVICE, { requests: (before.requests ?? 0) + 2, active: 0 }, "socks");
    const { down = 0 } = await readCount(product, SERVICE, "socks");
    expect([8 * MIB, 9 * MIB]).toContain(down - (before.down ?? 0));
  });

  it("that gets SIGTERM carries an open transfer to its end, reports all of it and exits with 0", async () => {
    const before = await readCount(product, SERVICE, "socks");
    const { lost_sources: lost } = await readStats(product);
    const port = await start();
    const tunnel = await target.through(openSocks, port);
    await move(tunnel.server, tunnel.client, 5 * MIB);
    run?.child.kill("SIGTERM");
    await expect.poll(() => isRefused(port)).toBe(true);
    await Promise.all([
      move(tunnel.client, tunnel.server, 3 * MIB),
      move(tunnel.server, tunnel.client, 7 * MIB),
    ]);
    await finish(tunnel);
    expect(await run?.ended).toBe(0);
    const counts = {
      requests: (before.requests ?? 0) + 1,
      up: (before.up ?? 0) + 3 * MIB,
      down: (before.down ?? 0) + 12 * MIB,
    };
    // Before it ended it had the edge's word for the last batch.
    expect(await readCount(product, SERVICE, "socks")).toMatchObject({ ...counts, aborted: 0, active: 0 });
    await untilLink(product, "main", false);

    const next = await target.through(openSocks, await start());
    await move(next.server, next.client, MIB);
    await finish(next);
    const added = { ...counts, requests: counts.requests + 1, down: counts.down + MIB, active: 0 };
    await untilCounted(product, SERVICE, added, "socks");
    expect((await readStats(product)).lost_sources).toBe(lost);
  });
});

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
