// Conformance: what a proxy must make of WebSockets (RFC 6455). A function of a proxy: it brings its own upstream, whose
// sockets it holds in its hands.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterEach, describe, expect } from "vitest";
import { WebSocket } from "ws";
import { type ProxyUnderTest, type Rule, rulesFor, type Way } from "./proxy-under-test.ts";
import { exchange } from "./raw-http.ts";
import { closeOf, type Open, type Pair, PROTOCOL, receive, SocketUpstream } from "./socket-upstream.ts";
import { closeRules, countRules } from "./websocket-closes.ts";

const MIB = 1024 * 1024;

export interface SocketLimits {
  /** The largest message that the proxy passes; the way "meter = false" has none. */
  readonly messageBytesMax: number;
}

export function webSocketProxySuite(proxy: ProxyUnderTest, { messageBytesMax }: SocketLimits): void {
  let upstream: SocketUpstream;
  const clients: WebSocket[] = [];
  const rule = rulesFor(proxy, async () => {
    upstream = new SocketUpstream();
    await once(upstream.server, "listening");
    return upstream;
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.terminate();
  });

  function dial(
    way: Way,
    path = "/",
    protocols: string[] = [],
    headers: Record<string, string> = {},
  ): WebSocket {
    const client = new WebSocket(way.url.replace("http", "ws") + path, protocols, {
      headers: { host: way.host, ...headers },
      maxPayload: 256 * MIB,
    });
    // A refused one is ended before it was ever open, which it reports as an error.
    client.on("error", () => undefined);
    clients.push(client);
    return client;
  }

  async function open(way: Way, path?: string, protocols?: string[]): Promise<Pair> {
    const connected = once(upstream.server, "connection");
    const client = dial(way, path, protocols);
    const [[server]] = (await Promise.all([connected, once(client, "open")])) as [[WebSocket], unknown];
    server.on("error", () => undefined);
    return [client, server];
  }

  upgradeRules(rule, { dial, open, upstream: () => upstream });
  messageRules(rule, { open, messageBytesMax });
  closeRules(rule, open);
  countRules(rule, { open, upstream: () => upstream });
}

type Dial = (way: Way, path?: string, protocols?: string[], headers?: Record<string, string>) => WebSocket;

/** The reply that refuses an upgrade. */
async function refusal(client: WebSocket): Promise<IncomingMessage> {
  const [, reply] = (await once(client, "unexpected-response")) as [unknown, IncomingMessage];
  reply.resume();
  return reply;
}

function upgradeRules(rule: Rule, at: { dial: Dial; open: Open; upstream: () => SocketUpstream }): void {
  describe("an upgrade", () => {
    rule("negotiates its subprotocol end to end", async (way) => {
      const [client, server] = await at.open(way, "/", ["other", PROTOCOL]);
      expect([client.protocol, server.protocol]).toEqual([PROTOCOL, PROTOCOL]);
      const [plain] = await at.open(way);
      expect(plain.protocol).toBe("");
    });

    rule("keeps its target and fields, and the upstream's fields", async (way) => {
      const client = at.dial(way, "/a%2Fb?q=%20x&y", [], { cookie: "a=b", origin: "https://app.test" });
      const [[reply]] = (await Promise.all([once(client, "upgrade"), once(client, "open")])) as [
        [IncomingMessage],
        unknown,
      ];
      const { url, headers } = at.upstream().upgrades.at(-1) ?? {};
      expect([url, headers?.cookie, headers?.origin]).toEqual(["/a%2Fb?q=%20x&y", "a=b", "https://app.test"]);
      expect(reply.headers["x-upstream"]).toBe("1");
    });

    rule("that the upstream refuses gets the upstream's reply", async (way) => {
      const reply = await refusal(at.dial(way, "/refuse"));
      expect([reply.statusCode, reply.headers["x-why"]]).toEqual([403, "because"]);
    });

    for (const [what, fields] of Object.entries(BAD_UPGRADES))
      rule(`${what} is refused, and opens nothing at the upstream`, async (way) => {
        const before = at.upstream().upgrades.length;
        const lines = [`GET / HTTP/1.1`, `Host: ${way.host}`, ...fields, "", ""];
        const { replies } = await exchange(way.url, lines.join("\r\n"), { replies: 1 });
        expect([400, 426]).toContain(replies[0]?.status);
        expect(at.upstream().upgrades.length).toBe(before);
      });
  });
}

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION = "Sec-WebSocket-Version: 13";
const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket"];

/** RFC 6455 section 4.2.1. */
const BAD_UPGRADES: Readonly<Record<string, readonly string[]>> = {
  "without a key": [...UPGRADE, VERSION],
  "with a key that is none": [...UPGRADE, VERSION, "Sec-WebSocket-Key: short"],
  "without a version": [...UPGRADE, KEY],
  "of another version": [...UPGRADE, KEY, "Sec-WebSocket-Version: 8"],
  "that Connection does not name, and so may have come from before another proxy,": [
    "Upgrade: websocket",
    KEY,
    VERSION,
  ],
};

function messageRules(rule: Rule, at: { open: Open; messageBytesMax: number }): void {
  const { open, messageBytesMax } = at;
  describe("messages", () => {
    rule("pass both ways in order, text and binary, empty ones too", async (way) => {
      const [client, server] = await open(way);
      const sent = Array.from({ length: 1_000 }, (_, i) => (i % 2 ? Buffer.from(`b${i}`) : `tëxt 😀 ${i}`));
      sent.push("", Buffer.alloc(0), "end");
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const received = receive(to, sent.length);
        for (const message of sent) from.send(message);
        expect(await received).toEqual(sent);
      }
    });

    rule("of many fragments pass as one", async (way) => {
      const [client, server] = await open(way);
      const received = receive(server, 1);
      for (let i = 0; i < 100; i++) client.send(`${i},`, { fin: i === 99 });
      expect(await received).toEqual([Array.from({ length: 100 }, (_, i) => `${i},`).join("")]);
    });

    rule("as large as may be pass both ways", async (way) => {
      const [client, server] = await open(way);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const message = Buffer.alloc(messageBytesMax, "large");
        const received = receive(to, 1);
        from.send(message);
        expect(isSame((await received)[0], message)).toBe(true);
      }
    });

    rule("that are larger close their sender 1009", async (way) => {
      for (const sender of [0, 1] as const) {
        const pair = await open(way);
        const closes = pair.map(closeOf);
        pair[sender].send(Buffer.alloc(messageBytesMax + 2 * MIB));
        const codes = (await Promise.all(closes)).map(([code]) => code);
        expect(codes[sender]).toBe(1009);
        expect(codes[1 - sender]).toBe(sender === 0 ? 1001 : 1011);
      }
    });

    rule("of any size pass where nothing counts them", async (way) => {
      const [client, server] = await open(way);
      const message = Buffer.alloc(messageBytesMax + 2 * MIB, "larger");
      const received = receive(server, 1);
      client.send(message);
      expect(isSame((await received)[0], message)).toBe(true);
    });

    rule("a ping is answered, both ways", async (way) => {
      for (const socket of await open(way)) {
        const pong = once(socket, "pong");
        socket.ping("are you there");
        expect(String((await pong)[0])).toBe("are you there");
      }
    });
  });
}

/** Without vitest's comparison, which takes seconds for megabytes. */
function isSame(received: string | Buffer | undefined, sent: Buffer): boolean {
  return Buffer.isBuffer(received) && received.equals(sent);
}
