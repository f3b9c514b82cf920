// The local edge server: workerd as a child of this process, its socket, its end and its coming back.

import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { buildEdgeIfStale } from "../../relay/serve/build.ts";
import { type Edge, startEdge } from "../../relay/serve/edge.ts";
import { claimPort, PortTakenError } from "../../relay/serve/listen.ts";
import { localSecrets } from "../../relay/serve/secrets.ts";
import { namedPort } from "../support/named-port.ts";

let directory: string;
const edges: Edge[] = [];

beforeAll(async () => {
  await buildEdgeIfStale();
}, 30_000);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-edge-"));
});

afterEach(async () => {
  await Promise.all(edges.splice(0).map((edge) => edge.stop()));
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function start(state: string, port = 0): Promise<Edge> {
  const stateDir = join(directory, state);
  const vars = await localSecrets(stateDir, ["ADMIN_TOKEN", "ROOT_KEY"]);
  const edge = await startEdge({ host: "127.0.0.1", port, stateDir, vars });
  edges.push(edge);
  return edge;
}

async function healthOf(edge: Edge): Promise<number | undefined> {
  const reply = await fetch(`${edge.url}/health`).catch(() => undefined);
  await reply?.body?.cancel();
  return reply?.status;
}

describe("startEdge", { timeout: 30_000 }, () => {
  it("runs beside another one, each with a process of its own", async () => {
    const [one, other] = await Promise.all([start("one"), start("other")]);
    expect(one.pid).toBeDefined();
    expect(one.pid).not.toBe(other.pid);
    expect([await healthOf(one), await healthOf(other)]).toEqual([200, 200]);
  });

  it("serves the page from the asset binding", async () => {
    const edge = await start("one");
    for (const [path, type] of [
      ["/", "text/html"],
      ["/app.js", "text/javascript"],
      ["/app.css", "text/css"],
    ] as const) {
      const reply = await fetch(`${edge.url}${path}`);
      expect([reply.status, reply.headers.get("content-type")?.split(";")[0]], path).toEqual([200, type]);
      await reply.body?.cancel();
    }
  });

  it("takes no signal away from whoever runs it", async () => {
    const handlers = () =>
      (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) => process.listenerCount(name));
    const before = handlers();
    await start("one");
    expect(handlers()).toEqual(before);
  });

  it("comes back on the same port when workerd crashes", async () => {
    const edge = await start("one");
    const { pid } = edge;
    process.kill(pid ?? 0, "SIGKILL");
    await expect.poll(() => edge.pid, { timeout: 10_000 }).not.toBe(pid);
    await expect.poll(() => healthOf(edge), { timeout: 10_000 }).toBe(200);
  });

  it("ends workerd and frees its port when stopped", async () => {
    const edge = await start("one");
    await edge.stop();
    expect(edge.pid).toBeUndefined();
    // Anybody's outgoing connection may have it for a moment.
    await vi.waitFor(() => claimPort({ host: "127.0.0.1", port: edge.port, setting: "" }), {
      timeout: 5_000,
    });
  });

  it("names a taken port and its setting", async () => {
    const edge = await start("one");
    await expect(start("other", edge.port)).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${edge.port}: the port is taken, choose another with --edge-port`,
    );
  });

  it("takes a free port that nobody can take away, and names the setting of one that somebody did", async () => {
    const named = await namedPort();
    const thieves: Server[] = [];
    const { close } = Server.prototype;
    // Whatever this process lets go is somebody else's at once, as on a busy machine.
    const stealing = vi.spyOn(Server.prototype, "close").mockImplementation(function (this: Server, done) {
      const address = this.address() as AddressInfo | null;
      return close.call(this, () => {
        if (address) thieves.push(createServer().listen(address.port, "127.0.0.1", () => done?.()));
        else done?.();
      });
    });
    try {
      const edge = await start("free");
      expect([await healthOf(edge), thieves.length]).toEqual([200, 0]);
      await expect(start("named", named)).rejects.toBeInstanceOf(PortTakenError);
    } finally {
      stealing.mockRestore();
      for (const thief of thieves) thief.close();
    }
  });
});
