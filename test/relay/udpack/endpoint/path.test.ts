// A client and a server with a bad network between them: loss and delay, a NAT that forgets, an outage, a server
// elsewhere, a firewall that lets no UDP through.

import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { UdpackError } from "../../../../relay/udpack/endpoint/api.ts";
import type { ConnectOptions, UdpackClient } from "../../../../relay/udpack/endpoint/client.ts";
import type { ListenOptions, UdpackServer } from "../../../../relay/udpack/endpoint/server.ts";
import { type LinkOptions, LossyLink, openFirewalled } from "../../../support/lossy-link.ts";
import {
  CLIENT_KEYS,
  digest,
  echo,
  nextSession,
  nextStream,
  testClient,
  testServer,
  text,
  upload,
} from "../../../support/udpack.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function behind(
  link: Partial<LinkOptions>,
  options: { server?: Partial<ListenOptions<string>>; client?: Partial<ConnectOptions> } = {},
): Promise<{ server: UdpackServer<string>; client: UdpackClient; link: LossyLink }> {
  const server = await testServer(options.server);
  const between = await LossyLink.open({ ...link, targetPort: server.address.port });
  const client = testClient(between.port, options.client);
  opened.push(server, between, client);
  return { server, client, link: between };
}

/** What comes back on a new stream. */
function ask(client: UdpackClient, question: string): Promise<string> {
  const stream = client.openStream();
  stream.end(question);
  return Promise.race([text(stream), once(stream, "error").then(([error]) => Promise.reject(error))]);
}

describe("a transfer over a lossy path", () => {
  for (const offload of [false, true]) {
    it(`brings 64 MiB whole at 50 ms and 1 % loss, offload ${offload}`, async () => {
      const { server, client } = await behind(
        { delayMs: 25, loss: 0.01, rate: 60_000_000, queueBytes: 3_000_000 },
        { server: { offload }, client: { offload } },
      );
      const arriving = nextSession(server).then(nextStream);
      const stream = client.openStream();
      const written = upload(stream, 64 * 1024 * 1024);
      const got = await digest(await arriving);
      expect(got.bytes).toBe(64 * 1024 * 1024);
      expect(got.hash).toBe(await written);
      const stats = client.session?.stats();
      expect(stats?.loss).toBeGreaterThan(0.005);
      expect(stats?.retransmittedBytes).toBeGreaterThan(100_000);
    }, 30_000);
  }

  it("brings everything in order through reordering and duplicates", async () => {
    const { server, client } = await behind({
      delayMs: 5,
      loss: 0.02,
      duplicate: 0.05,
      reorder: { part: 0.1, byMs: 4 },
    });
    echo(server);
    const stream = client.openStream();
    const back = digest(stream);
    const hash = await upload(stream, 3 * 1024 * 1024);
    expect(await back).toEqual({ hash, bytes: 3 * 1024 * 1024 });
  });
});

describe("a change of address", () => {
  it("is followed by the server once the client has proven that it is there", async () => {
    const { server, client, link } = await behind({ delayMs: 5 });
    echo(server);
    expect(await ask(client, "before")).toBe("before");
    const session = server.sessions[0];
    const { port } = session?.remote ?? { port: 0 };
    link.rebind();
    expect(await ask(client, "after")).toBe("after");
    expect(server.sessions).toEqual([session]);
    expect(session?.remote.port).not.toBe(port);
    expect(client.session?.endedBy).toBeUndefined();
  });

  it("does not break a transfer", async () => {
    const { server, client, link } = await behind({ delayMs: 5, rate: 20_000_000 });
    echo(server);
    const stream = client.openStream();
    const back = digest(stream);
    const writing = upload(stream, 8 * 1024 * 1024);
    await once(stream, "drain");
    link.rebind();
    expect((await back).hash).toBe(await writing);
    expect(server.sessions).toHaveLength(1);
  });
});

describe("an outage", () => {
  it("shorter than the idle time-out lets the session go on, or a new one take its place", async () => {
    const { server, client, link } = await behind({ delayMs: 5 });
    echo(server);
    expect(await ask(client, "before")).toBe("before");
    link.block(true);
    const during = client.openStream();
    during.on("error", () => {});
    during.end("during");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    link.block(false);
    const since = performance.now();
    expect(await ask(client, "after")).toBe("after");
    expect(performance.now() - since).toBeLessThan(5_000);
  });

  it("ends streams with `reconnected` when the client came back by a new session", async () => {
    const { server, client, link } = await behind({ delayMs: 2 });
    echo(server);
    const old = client.openStream();
    old.write("stays open");
    await once(old, "data");
    const failed = once(old, "error");
    link.blockPresentClients();
    old.write("unanswered");
    const [error] = (await failed) as [UdpackError];
    expect(error.code).toBe("reconnected");
    expect(await ask(client, "new")).toBe("new");
    expect(server.sessions).toHaveLength(1);
  }, 20_000);
});

describe("a server that is not where it was", () => {
  it("is noticed where the name of the server points elsewhere now", async () => {
    const server = await testServer();
    opened.push(server);
    echo(server);
    const asked: string[] = [];
    const client = testClient(server.address.port, {
      server: { host: "server.example", portFirst: server.address.port, portLast: server.address.port },
      resolve: async (host) => {
        asked.push(host);
        return asked.length === 1 ? ["127.0.0.99"] : ["127.0.0.1"];
      },
    });
    opened.push(client);
    expect(await ask(client, "where are you?")).toBe("where are you?");
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(new Set(asked)).toEqual(new Set(["server.example"]));
  });

  it("is found at another port of the range", async () => {
    const server = await testServer();
    opened.push(server);
    echo(server);
    const last = server.address.port;
    const client = testClient(last, {
      server: { host: "127.0.0.1", portFirst: last - 1, portLast: last },
    });
    opened.push(client);
    expect(await ask(client, "hop")).toBe("hop");
  });
});

describe("a network without UDP", () => {
  it("is crossed by a WebSocket to the first port of the range within 5 s, in both directions", async () => {
    const server = await testServer({ webSocket: true });
    opened.push(server);
    const link = await openFirewalled(server.address.port, (close) => opened.push({ close }));
    link.block(true);
    echo(server);
    const since = performance.now();
    // The rest of the range is led to the server by a firewall, and only for UDP.
    const range = { host: "127.0.0.1", portFirst: link.port, portLast: Math.min(link.port + 50, 65_535) };
    const client = testClient(link.port, { webSocket: true, server: range });
    opened.push(client);
    expect(await ask(client, "by TCP")).toBe("by TCP");
    expect(performance.now() - since).toBeLessThan(5_000);
    expect(client.session?.stats().engine).toBe("websocket");
    const stream = client.openStream();
    const back = digest(stream);
    const hash = await upload(stream, 16 * 1024 * 1024);
    expect((await back).hash).toBe(hash);
  }, 20_000);
});

describe("a client that the server does not know", () => {
  it("gets no answer, and its streams fail after five seconds", async () => {
    const server = await testServer({
      allowed: (key) => (Buffer.from(CLIENT_KEYS.public).equals(key) ? undefined : "x"),
    });
    const client = testClient(server.address.port);
    opened.push(server, client);
    await expect(ask(client, "let me in")).rejects.toMatchObject({ code: "unreachable" });
    expect(server.sessions).toEqual([]);
  }, 10_000);
});
