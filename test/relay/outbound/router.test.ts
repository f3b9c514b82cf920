// Ways out over real sockets: chains through other relays, with the failure told, and no name resolved that should not be.

import { createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ChainedOutbound } from "../../../relay/outbound/chained.ts";
import { DirectOutbound } from "../../../relay/outbound/direct.ts";
import { HttpConnectClient } from "../../../relay/outbound/http-client.ts";
import type { DialOptions } from "../../../relay/outbound/outbound.ts";
import { Router } from "../../../relay/outbound/router.ts";
import { hashPassword } from "../../../relay/password.ts";
import { TunnelBook } from "../../../relay/tunnel/book.ts";
import { Tunnels } from "../../../relay/tunnel/tunnels.ts";
import { parseConfig } from "../../../shared/config/parse.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { closedPort, RawClient, startEcho, startRelay, startTarget } from "../harness.ts";

const anything = () => undefined;
const NO_TUNNELS = new Tunnels(
  () => {
    throw new Error("No tunnel is configured");
  },
  { emit: anything, book: new TunnelBook() },
);

const PASSWORD = await hashPassword("secret");
const OPTIONS: DialOptions = { refusal: anything, signal: new AbortController().signal, user: "" };

/** The [relay] of a file, with its defaults. */
function relayOf(raw: Readonly<Record<string, unknown>>): RelayConfig {
  const parsed = parseConfig({ relay: raw });
  if (!parsed.ok || parsed.config.relay === undefined) throw new Error(JSON.stringify(parsed));
  return parsed.config.relay;
}

function routerOf(raw: Readonly<Record<string, unknown>>, names: Readonly<Record<string, string[]>> = {}) {
  const resolve = vi.fn(async (name: string) => names[name] ?? []);
  const router = new Router(relayOf(raw), {
    serverRefusal: anything,
    resolver: { resolve },
    tunnels: NO_TUNNELS,
  });
  return { outbound: router.forInbound(["mixed"]), resolve };
}

async function echoes(socket: Socket): Promise<string> {
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  socket.resume();
  client.send("ping");
  return String(await client.take(4));
}

async function startProxyWithUser() {
  const users = [{ name: "carol", password: PASSWORD }];
  return startRelay({ config: { users }, inbound: { auth: "password" } });
}

describe("Router", () => {
  it.each([{ kind: "socks" }, { kind: "socks", version: "4" }, { kind: "http" }])(
    "reaches targets through an upstream proxy: $kind $version",
    async (proxy) => {
      const upstream = await startRelay();
      const { outbound, resolve } = routerOf({
        outbounds: [{ name: "far", server: `127.0.0.1:${upstream.port}`, ...proxy }],
        rules: [{ outbound: "far" }],
      });
      const port = await startEcho();
      expect(await echoes(await outbound.connect({ host: "localhost", port }, OPTIONS))).toBe("ping");
      expect(await echoes(await outbound.connect({ host: "127.0.0.1", port }, OPTIONS))).toBe("ping");
      expect(upstream.of("connection_opened").map(({ target }) => target)).toEqual([
        `localhost:${port}`,
        `127.0.0.1:${port}`,
      ]);
      expect(resolve).not.toHaveBeenCalled();
    },
  );

  it("makes chains, each link signed in to", async () => {
    const [first, second] = [await startProxyWithUser(), await startProxyWithUser()];
    const credentials = { user: "carol", password: "secret" };
    const { outbound } = routerOf({
      outbounds: [
        { name: "two", kind: "http", server: `127.0.0.1:${second.port}`, via: "one", ...credentials },
        { name: "one", kind: "socks", server: `127.0.0.1:${first.port}`, ...credentials },
      ],
      rules: [{ outbound: "two" }],
    });
    const port = await startEcho();
    expect(await echoes(await outbound.connect({ host: "127.0.0.1", port }, OPTIONS))).toBe("ping");
    expect(first.of("connection_opened")[0]).toMatchObject({
      target: `127.0.0.1:${second.port}`,
      user: "carol",
    });
    expect(second.of("connection_opened")[0]).toMatchObject({ target: `127.0.0.1:${port}`, user: "carol" });
  });

  it("loses nothing that a target says at once", async () => {
    const upstream = await startRelay();
    const port = await startTarget((socket) => socket.end("SSH-2.0-hello"));
    const { outbound } = routerOf({
      outbounds: [{ name: "far", kind: "socks", server: `127.0.0.1:${upstream.port}` }],
      rules: [{ outbound: "far" }],
    });
    const socket = await outbound.connect({ host: "127.0.0.1", port }, OPTIONS);
    const client = new RawClient(socket);
    socket.resume();
    expect(String(await client.rest())).toBe("SSH-2.0-hello");
    socket.destroy();
  });

  it("tells a target's failure from the proxy's", async () => {
    const upstream = await startProxyWithUser();
    const server = `127.0.0.1:${upstream.port}`;
    const nobody = await closedPort();
    const { outbound } = routerOf({
      outbounds: [
        { name: "good", kind: "socks", server, user: "carol", password: "secret" },
        { name: "http", kind: "http", server, user: "carol", password: "secret" },
        { name: "wrong", kind: "socks", server, user: "carol", password: "fail" },
        { name: "down", kind: "socks", server: `127.0.0.1:${nobody}` },
        { name: "old", kind: "socks", version: "4", server },
      ],
      rules: ["good", "http", "wrong", "down", "old"].map((name, index) => ({
        ports: [`${index + 1}`],
        outbound: name,
      })),
    });
    const codeOf = (host: string, port: number) =>
      outbound.connect({ host, port }, OPTIONS).then(
        () => "connected",
        (error) => error.code,
      );
    expect(await codeOf("127.0.0.1", 1)).toBe("connection_refused");
    expect(await codeOf("127.0.0.1", 2)).toBe("connection_refused");
    expect(await codeOf("127.0.0.1", 3)).toBe("proxy_failed");
    expect(await codeOf("127.0.0.1", 4)).toBe("proxy_failed");
    expect(await codeOf("2001:db8::1", 5)).toBe("not_carried");
    expect(await codeOf("bad name", 1)).toBe("name_unknown");
  });

  it("does not wait for ever for a proxy, and gives up at once when told to", async () => {
    const silent = await startTarget(() => undefined);
    const { outbound } = routerOf({
      outbounds: [{ name: "far", kind: "socks", server: `127.0.0.1:${silent}` }],
      rules: [{ outbound: "far" }],
    });
    const controller = new AbortController();
    const dial = outbound.connect({ host: "a.example", port: 80 }, { ...OPTIONS, signal: controller.signal });
    const failed = expect(dial).rejects.toMatchObject({ code: "dial_failed" });
    setImmediate(() => controller.abort());
    await failed;
  });

  it("tries the addresses of a name within one time, not one after the other for ever", async () => {
    let asked = 0;
    const silent = await startTarget((socket) => {
      asked++;
      socket.resume();
    });
    const outbound = new ChainedOutbound({
      server: { host: "127.0.0.1", port: silent },
      tls: false,
      via: new DirectOutbound(),
      serverRefusal: anything,
      machineFor: (target) => new HttpConnectClient(target, undefined),
      timeoutMs: 200,
    });
    const addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    const dial = outbound.connect({ host: "a.example", port: 80, addresses }, OPTIONS);
    await expect(dial).rejects.toMatchObject({ code: "dial_timeout" });
    expect(asked).toBe(1);
  });

  it("judges an address in any spelling before a proxy gets it", async () => {
    const upstream = await startRelay();
    const { outbound } = routerOf({
      outbounds: [{ name: "far", kind: "socks", server: `127.0.0.1:${upstream.port}` }],
      rules: [
        { ports: ["80"], outbound: "far" },
        { outbound: "far", private: true },
      ],
    });
    const refusal = (_ip: Uint8Array, _port: number, allowPrivate = false) =>
      allowPrivate ? undefined : "its address is loopback";
    for (const host of ["127.0.0.1", "0x7f.1", "2130706433", "::1"]) {
      await expect(outbound.connect({ host, port: 80 }, { ...OPTIONS, refusal })).rejects.toMatchObject({
        code: "target_refused",
      });
    }
    expect(upstream.of("connection_opened")).toHaveLength(0);
    const port = await startEcho();
    expect(await echoes(await outbound.connect({ host: "0x7f.1", port }, { ...OPTIONS, refusal }))).toBe(
      "ping",
    );
    expect(upstream.of("connection_opened")[0]?.target).toBe(`127.0.0.1:${port}`);
  });

  it("dials by a rule the addresses that it judged, without asking again", async () => {
    const port = await startEcho();
    const { outbound, resolve } = routerOf(
      {
        rules: [
          { cidrs: ["127.0.0.2/32"], outbound: "reject" },
          { cidrs: ["192.0.2.0/24"], outbound: "reject" },
        ],
      },
      { "a.example": ["127.0.0.2", "127.0.0.1", "192.0.2.1"] },
    );
    const socket = await outbound.connect({ host: "a.example", port }, OPTIONS);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect(await echoes(socket)).toBe("ping");
    expect(resolve).toHaveBeenCalledTimes(1);
  });

  it("dials from the address that an outbound is bound to, and only its family", async () => {
    const from = Promise.withResolvers<string | undefined>();
    const port = await startTarget((socket) => from.resolve(socket.remoteAddress));
    const { outbound } = routerOf(
      {
        outbounds: [{ name: "second", kind: "direct", bind: ["127.0.0.9"] }],
        rules: [{ outbound: "second" }],
      },
      { "a.example": ["::1", "127.0.0.1"], "six.example": ["::1"] },
    );
    const socket = await outbound.connect({ host: "a.example", port }, OPTIONS);
    onTestFinished(() => void socket.destroy());
    expect(await from.promise).toBe("127.0.0.9");
    await expect(outbound.connect({ host: "six.example", port }, OPTIONS)).rejects.toMatchObject({
      code: "network_unreachable",
    });
  });

  it("says where datagrams may go, and that no proxy carries them", async () => {
    const raw = {
      outbounds: [{ name: "far", kind: "socks", server: "127.0.0.1:1" }],
      rules: [
        { ports: ["53"], outbound: "far" },
        { cidrs: ["127.0.0.3/32"], outbound: "reject" },
      ],
    };
    const { outbound } = routerOf(raw, { "a.example": ["127.0.0.3", "127.0.0.1"] });
    expect(await outbound.reach({ host: "a.example", port: 80 }, OPTIONS)).toEqual(["127.0.0.1"]);
    await expect(outbound.reach({ host: "a.example", port: 53 }, OPTIONS)).rejects.toMatchObject({
      code: "not_carried",
    });
  });

  it("takes another way for each user of a plain HTTP proxy, connections included", async () => {
    const seen: string[] = [];
    const origin = createServer((socket) => {
      seen.push(`${socket.remoteAddress}`);
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => origin.once("listening", resolve));
    onTestFinished(() => void origin.close());
    const { port } = origin.address() as { port: number };
    const config = relayOf({
      users: [
        { name: "alice", password: PASSWORD },
        { name: "bob", password: PASSWORD },
      ],
      outbounds: [{ name: "second", kind: "direct", bind: ["127.0.0.9"] }],
      rules: [{ users: ["bob"], outbound: "second" }],
      inbounds: [{ kind: "mixed", listen: "127.0.0.1:0", auth: "password" }],
    });
    const relay = await startRelay({ config });
    for (const user of ["alice", "bob", "alice"]) {
      const client = await RawClient.open(relay.port);
      const basic = Buffer.from(`${user}:secret`).toString("base64");
      const head = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: o\r\nProxy-Authorization: Basic ${basic}\r\n`;
      client.send(`${head}Connection: close\r\n\r\n`);
      expect(String(await client.rest())).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(seen).toEqual(["127.0.0.1", "127.0.0.9"]);
  });
});
