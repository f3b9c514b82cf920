// Channels that need signed addresses, by real requests: what a viewer gets, when it ends, and what nobody ever sees.

import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { children, codeOf, media } from "../support/channels.ts";
import { runCli } from "../support/cli.ts";
import { type HlsOrigin, startHlsOrigin } from "../support/hls-origin.ts";
import { type Product, startProduct } from "../support/product.ts";

const ALICE = "alices-own-secret-in-addresses";
const OLD = { id: "old", key: "the-older-signing-key-of-these-tests" };
const NEW = { id: "new", key: "the-newer-signing-key-of-these-tests" };

let origin: HlsOrigin;
let product: Product;
const log: string[] = [];

function channels(demo: string): object[] {
  const channel = (name: string, more: object = {}) => ({
    id: `ch_${name}`,
    name,
    group: "Films",
    access: "token",
    sources: [`${origin.url}/${name}/index.m3u8?account=hidden-account`],
    headers: { Authorization: "Bearer hidden-credential" },
    ...more,
  });
  return [
    channel("paid"),
    channel("once", { max_viewers: 1 }),
    channel("open", { access: "public" }),
    channel("raw", { kind: "ts", sources: [`${demo}/live.ts`] }),
  ];
}

beforeAll(async () => {
  origin = await startHlsOrigin();
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "logged.localhost", upstreams: [demo], access_log: true },
        { host: "own.example.com", upstreams: [demo] },
      ],
      edge: { signing_keys: [OLD], access_log: [{ kind: "console" }] },
      channels: channels(demo),
      viewers: [{ name: "alice", token: ALICE, channels: ["ch_paid", "ch_raw"] }],
    }),
    onLog: (_, message) => log.push(message),
  });
  for (const name of ["paid", "once", "open"]) {
    const secrets = {
      "Set-Cookie": "origin=hidden-cookie",
      "X-Origin": "hidden-field",
      Server: "hidden-server",
    };
    const asset = '#EXT-X-DATERANGE:ID="a",CLASS="com.apple.hls.interstitial",X-ASSET-URI="ad.m3u8"\n';
    origin.file(
      `/${name}/index.m3u8`,
      media("seg1.ts").replace("#EXT-X-ENDLIST\n", `#EXT-X-ENDLIST\n${asset}`),
      secrets,
    );
    origin.file(`/${name}/seg1.ts`, "segment one", secrets);
    origin.file(`/${name}/ad.m3u8`, media("ad1.ts"));
  }
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

/** An address made by POST /api/sign. */
async function sign(order: object): Promise<string> {
  const reply = await product.api("/api/sign", { method: "POST", body: JSON.stringify(order) });
  expect(reply.status).toBe(200);
  return ((await reply.json()) as { url: string }).url;
}

function play(url: string, agent = "Player/1"): Promise<Response> {
  return fetch(url, { headers: { "user-agent": agent } });
}

async function outcome(url: string, agent?: string): Promise<string> {
  const reply = await play(url, agent);
  if (reply.ok) {
    await reply.arrayBuffer();
    return `${reply.status}`;
  }
  expect(reply.headers.get("access-control-allow-origin")).toBe("*");
  return `${reply.status} ${await codeOf(reply)}`;
}

/** Asks again until the answer is as expected; a push takes up to 5 s. */
async function until(url: string, expected: string, agent?: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await outcome(url, agent)) === expected) return;
    await delay(50);
  }
  expect(await outcome(url, agent)).toBe(expected);
}

describe("a signed address", () => {
  it("is printed by causeway sign, and plays with its children", async () => {
    const env = { CAUSEWAY_EDGE: product.edge, CAUSEWAY_ADMIN_TOKEN: product.adminToken };
    const cli = runCli(["sign", "ch_paid", "--expires", "1h"], { env });
    expect(await cli.ended).toBe(0);
    const url = cli.out.trim();
    const playlist = await play(url);
    expect(playlist.headers.get("cache-control")).toMatch(/^private\b/);
    const text = await playlist.text();
    expect(text).toContain("\nseg1.ts\n");
    expect(await (await play(new URL("seg1.ts", url).href)).text()).toBe("segment one");
    const asset = /X-ASSET-URI="([^"]+)"/.exec(text)?.[1] ?? "";
    expect(asset.startsWith(url.replace("stream.m3u8", "b/"))).toBe(true);
    expect((await play(asset)).status).toBe(200);
  });

  it("is one channel's, and needed", async () => {
    const plain = `${product.edge}/proxy/ch_paid/stream.m3u8`;
    expect(await outcome(plain)).toBe("403 token_required");
    const other = (await sign({ channel: "ch_once" })).replace("ch_once", "ch_paid");
    expect(await outcome(other)).toBe("403 token_invalid");
    expect(await outcome(`${product.edge}/proxy/ch_none/t.a.b.c/stream.m3u8`)).toBe("404 channel_unknown");
  });

  it("may be for one client address", async () => {
    expect(await outcome(await sign({ channel: "ch_paid", ip: "127.0.0.1" }))).toBe("200");
    expect(await outcome(await sign({ channel: "ch_paid", ip: "203.0.113.7" }))).toBe("403 token_ip");
  });

  it("begins no viewing past its expiry, and ends none", async () => {
    const url = await sign({ channel: "ch_paid", expires: "2s" });
    expect(await outcome(url, "Watching/1")).toBe("200");
    // Each of these would be a viewer of its own, let in until the expiry.
    let late = 0;
    while ((await outcome(url, `Late/${late}`)) === "200") {
      expect(late++).toBeLessThan(100);
      await delay(50);
    }
    expect(await outcome(url, "Later/1")).toBe("403 token_expired");
    expect(await outcome(url, "Watching/1")).toBe("200");
    expect(await outcome(url.replace("stream.m3u8", "seg1.ts"), "Watching/1")).toBe("200");
  });

  it("is bounded by the channel's viewers", async () => {
    const url = await sign({ channel: "ch_once" });
    expect(await outcome(url, "First/1")).toBe("200");
    const refused = await play(url, "Second/1");
    expect([refused.status, await codeOf(refused)]).toEqual([503, "viewers_exceeded"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});

describe("what nobody sees", () => {
  it("is the token, in stats, logs and at the origin", async () => {
    const url = await sign({ channel: "ch_paid", viewer: "alice" });
    const token = /\/t\.([^/]+)\//.exec(url)?.[1] ?? "";
    expect(token.length).toBeGreaterThan(80);
    await outcome(url);
    await outcome(url.replace("stream.m3u8", "seg1.ts"));
    // The same path at a proxied host is no channel's, but may be a mistyped one.
    const reply = await product.fetchHost("logged.localhost", new URL(url).pathname, {
      headers: { referer: url },
    });
    await reply.arrayBuffer();
    const logged = await logLine("logged.localhost");
    expect(logged).toContain("/proxy/ch_paid/t.***/stream.m3u8");
    const stats = await (await product.api("/api/stats")).text();
    const connections = await (await product.api("/api/connections")).text();
    for (const text of [logged, stats, connections, JSON.stringify(origin.seen)])
      expect(text).not.toContain(token);
    const config = await (await product.api("/api/config")).text();
    for (const secret of [OLD.key, ALICE]) expect(config).not.toContain(secret);
  });

  it("is the origin's account, path and credentials, in whatever a viewer gets", async () => {
    origin.on("/paid/gone.ts", (_, response) => {
      const fields = {
        Location: `${origin.url}/hidden-path/x.ts?hidden-account`,
        "Set-Cookie": "a=hidden-cookie",
      };
      response.writeHead(500, fields).end("hidden-text");
    });
    origin.on("/paid/moved.ts", (_, response) => {
      response.writeHead(302, { Location: "ftp://hidden-host/hidden-path" }).end();
    });
    const url = await sign({ channel: "ch_paid" });
    for (const name of ["stream.m3u8", "seg1.ts", "gone.ts", "moved.ts", "none.ts"]) {
      const reply = await play(url.replace("stream.m3u8", name));
      const all = JSON.stringify([...reply.headers]) + (await reply.text());
      expect(all, name).not.toMatch(/hidden/);
      expect(all, name).not.toContain(origin.url);
    }
  });
});

describe("an origin", () => {
  // A name that says nothing about where it leads: to this machine, on nearly every machine.
  const inner = (path: string) => `http://${hostname()}:${origin.port}/inner/${path}`;

  it("cannot send the edge to a name that resolves to a private address", async () => {
    origin.file("/inner/seg1.ts", "inner secret");
    origin.on(
      "/open/inner.ts",
      (_, response) => void response.writeHead(302, { Location: inner("seg1.ts") }).end(),
    );
    origin.file("/open/inner.m3u8", media(inner("seg1.ts")));
    const open = `${product.edge}/proxy/ch_open/`;
    expect(await outcome(`${open}inner.ts`)).toBe("502 upstream_unreachable");
    const [child] = await children(await play(`${open}inner.m3u8`));
    expect(child).toMatch(/\/b\//);
    expect(await outcome(child ?? "")).toBe("502 upstream_unreachable");
    expect(origin.count("/inner/seg1.ts")).toBe(0);
  });

  it("cannot send the edge back to a host of its own", async () => {
    const own = ["http://logged.localhost/x.ts", "http://own.example.com./x.ts", "http://127.1:80/x.ts"];
    for (const [n, to] of own.entries()) {
      origin.on(`/open/own${n}.ts`, (_, response) => void response.writeHead(302, { Location: to }).end());
      expect(await outcome(`${product.edge}/proxy/ch_open/own${n}.ts`), to).toBe("403 target_refused");
    }
  });
});

describe("a subscriber", () => {
  it("has a list of channels with addresses that play, at an address of his own", async () => {
    const reply = await play(`${product.edge}/v.${ALICE}/playlist.m3u`);
    expect(reply.headers.get("cache-control")).toBe("private, no-cache");
    const text = await reply.text();
    const addresses = text.split("\n").filter((line) => line.startsWith("http"));
    expect(addresses).toHaveLength(2);
    expect(addresses[1]).toMatch(/\/proxy\/ch_raw\/t\.[\w.-]+\/stream\.ts$/);
    expect(addresses[0]).toMatch(/\/proxy\/ch_paid\/t\.[\w.-]+\/stream\.m3u8$/);
    expect(await outcome(addresses[0] ?? "")).toBe("200");
    // Players know a channel by its address.
    expect(await (await play(`${product.edge}/v.${ALICE}/playlist.m3u`)).text()).toBe(text);
    expect(await outcome(`${product.edge}/v.${ALICE}x/playlist.m3u`)).toBe("404 not_found");
    const everybody = await (await play(`${product.edge}/playlist.m3u`)).text();
    expect(everybody).toContain("/proxy/ch_open/stream.m3u8");
    expect(everybody).not.toContain("ch_paid");
  });

  it("is cut off, in the middle of a reply too, when the configuration loses the name", async () => {
    let cut = false;
    origin.on("/paid/endless.ts", async (_, response) => {
      response.on("close", () => {
        cut = true;
      });
      response.writeHead(200, { "Content-Type": "video/mp2t" });
      while (!cut) {
        response.write(Buffer.alloc(64 * 1024));
        await delay(50);
      }
    });
    const url = await sign({ channel: "ch_paid", viewer: "alice" });
    const reply = await play(url.replace("stream.m3u8", "endless.ts"));
    expect(reply.status).toBe(200);
    const raw = await play(await sign({ channel: "ch_raw", viewer: "alice" }));
    expect(raw.headers.get("content-type")).toBe("video/mp2t");
    const ends = [reply, raw].map((open) => open.arrayBuffer().catch(() => "broken off"));
    await product.push({ viewers: [] });
    await until(url, "403 token_invalid");
    const [cutOff, ended] = await Promise.all(ends);
    expect(cutOff).toBe("broken off");
    expect(ended === "broken off" || (ended as ArrayBuffer).byteLength > 0).toBe(true);
  });
});

describe("signing keys", () => {
  it("rotate: a new one signs while old addresses go on, until the old key is taken out", async () => {
    const old = await sign({ channel: "ch_paid" });
    await product.push({ edge: { signing_keys: [NEW, OLD], access_log: [{ kind: "console" }] } });
    expect(await outcome(old)).toBe("200");
    const fresh = await sign({ channel: "ch_paid" });
    expect(fresh).toContain("/t.new.");
    await product.push({ edge: { signing_keys: [NEW], access_log: [{ kind: "console" }] } });
    await until(old, "403 token_invalid");
    expect(await outcome(fresh)).toBe("200");
  });
});

/** The access log's next line about a host. */
async function logLine(host: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const line = log.find((text) => text.includes(host) && text.includes("t.***"));
    if (line !== undefined) return line;
    await delay(50);
  }
  throw new Error(`Nothing was logged of ${host}: ${log.join("\n")}`);
}
