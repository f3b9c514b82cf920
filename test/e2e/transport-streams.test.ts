// Channels of kind "ts" through the whole product: one connection to the origin, whoever watches, and viewers who come late,
// read slowly, or are there while the origin is not.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { TS_LIMITS } from "../../shared/limits.ts";
import { type Product, startProduct } from "../support/product.ts";
import { readStats, untilCounted, untilListed } from "../support/stats.ts";
import { PMT_PID, readPackets, unmarkedJumps, VIDEO_PID } from "../support/transport-stream.ts";
import { startTsOrigin, TestViewer, type TsOrigin } from "../support/ts-origin.ts";

const FFPROBE = "ffprobe";
const HAS_FFPROBE = spawnSync(FFPROBE, ["-version"]).status === 0;
const GROUP_BYTES = 188 * (2 + 3 + 4 * 4);

let origin: TsOrigin;
let product: Product;
let channels: { id: string; sources: string[] }[];

beforeAll(async () => {
  origin = await startTsOrigin();
  const channel = (name: string, more: object = {}) => ({
    id: `ch_${name}`,
    kind: "ts",
    sources: [`${origin.url}/${name}`],
    ...more,
  });
  product = await startProduct({
    config: (demo) => {
      channels = [
        channel("demo", { sources: [`${demo}/live.ts`] }),
        { id: "ch_playlist", sources: [`${demo}/live/index.m3u8`] },
        channel("shared", { headers: { "User-Agent": "Player/9" } }),
        channel("answers"),
        channel("crowd"),
        channel("slow"),
        channel("drop"),
        channel("counted"),
        channel("spare", { sources: [`${origin.url}/dead`, `${origin.url}/spare`] }),
        channel("page"),
        channel("gone"),
        channel("silent", { read_timeout: "1s", response_header_timeout: "1s" }),
        channel("moved"),
        channel("stall", { read_timeout: "1s" }),
      ];
      return { channels };
    },
  });
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
});

function ask(channel: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${product.edge}/proxy/ch_${channel}/stream.ts`, init);
}

async function watch(channel: string): Promise<TestViewer> {
  const response = await ask(channel);
  expect(response.status).toBe(200);
  return new TestViewer(response);
}

async function codeOf(reply: Promise<Response>): Promise<[number, string]> {
  const response = await reply;
  const { error } = (await response.json()) as { error: { code: string } };
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  return [response.status, error.code];
}

describe.concurrent("a transport stream", { timeout: 60_000 }, () => {
  it("is pulled once for all viewers, and each begins with PAT, PMT and a keyframe", async () => {
    origin.set("/shared", {});
    const viewers = [await watch("shared"), await watch("shared")];
    await viewers[0]?.take(5 * GROUP_BYTES);
    viewers.push(await watch("shared"));
    for (const viewer of viewers) {
      const bytes = await viewer.take(4 * GROUP_BYTES);
      const packets = readPackets(whole(bytes));
      expect(packets.slice(0, 3).map(({ pid, flagged }) => [pid, flagged])).toEqual([
        [0, false],
        [PMT_PID, false],
        [VIDEO_PID, true],
      ]);
      expect(unmarkedJumps(packets)).toEqual([]);
    }
    expect([origin.count("/shared"), origin.open("/shared")]).toEqual([1, 1]);
    expect(origin.headers("/shared")?.["user-agent"]).toBe("Player/9");
    await Promise.all(viewers.map((viewer) => viewer.leave()));
    const left = Date.now();
    await vi.waitFor(() => expect(origin.open("/shared")).toBe(0), { timeout: 20_000, interval: 100 });
    expect(Date.now() - left).toBeGreaterThan(TS_LIMITS.LINGER_MS - 2_000);
  });

  it("answers like a channel: its type, for any site, for no cache; HEAD alike", async () => {
    origin.set("/answers", {});
    for (const method of ["HEAD", "GET"]) {
      const reply = await ask("answers", { method });
      const { headers } = reply;
      expect(reply.status).toBe(200);
      expect(headers.get("content-type")).toBe("video/mp2t");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("access-control-allow-origin")).toBe("*");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("sandbox");
      expect(headers.get("cache-status")).toContain(method === "GET" ? "collapsed" : "causeway");
      await reply.body?.cancel();
    }
  });

  it("says where the channel is when the other kind's address is asked for", async () => {
    const at = (path: string) => codeOf(fetch(`${product.edge}/proxy/${path}`));
    expect(await at("ch_shared/stream.m3u8")).toEqual([404, "channel_is_ts"]);
    expect(await at("ch_playlist/stream.ts")).toEqual([404, "channel_is_hls"]);
    expect(await at("ch_shared/b/x/y.ts")).toEqual([404, "not_found"]);
    const list = await (await fetch(`${product.edge}/playlist.m3u`)).text();
    expect(list).toContain("/proxy/ch_shared/stream.ts\n");
    expect(list).toContain("/proxy/ch_playlist/stream.m3u8\n");
  });

  it("fails with a code when no source has one", async () => {
    origin.set("/page", {
      instead: (response) =>
        response.writeHead(200, { "content-type": "text/html" }).end("<html>".repeat(99)),
    });
    origin.set("/silent", { instead: () => undefined });
    expect(await codeOf(ask("page"))).toEqual([502, "stream_malformed"]);
    expect(await codeOf(ask("gone"))).toEqual([404, "not_found"]);
    expect(await codeOf(ask("silent"))).toEqual([504, "upstream_timeout"]);
    expect(origin.count("/silent")).toBe(1);
    origin.set("/silent", { instead: (response) => void response.writeHead(200).flushHeaders() });
    await vi.waitFor(async () => expect((await codeOf(ask("silent")))[1]).toBe("upstream_timeout"));
  });

  it("takes the next source when one fails", async () => {
    origin.set("/spare", { fill: 0x77 });
    const viewer = await watch("spare");
    const packets = readPackets((await viewer.take(GROUP_BYTES)).subarray(0, GROUP_BYTES));
    expect(packets[4]?.bytes.at(-1)).toBe(0x77);
    await viewer.leave();
  });

  it("goes on for its viewers when the origin drops and comes back", async () => {
    origin.set("/drop", { fill: 0x11 });
    const viewer = await watch("drop");
    await viewer.take(3 * GROUP_BYTES);
    origin.set("/drop", { fill: 0x22 });
    origin.drop("/drop");
    const bytes = await viewer.untilFilled(0x22);
    const packets = readPackets(whole(bytes));
    expect(packets.some(({ jumps }) => jumps)).toBe(true);
    expect(unmarkedJumps(packets)).toEqual([]);
    expect(origin.count("/drop")).toBe(2);
    await viewer.leave();
  });

  it("takes a connection for dead that stands still, and connects again", async () => {
    origin.set("/stall", { rate: 0, fill: 0x11 });
    const viewer = await watch("stall");
    await viewer.take(GROUP_BYTES);
    origin.set("/stall", { fill: 0x22 });
    await viewer.untilFilled(0x22);
    await vi.waitFor(() => expect([origin.count("/stall"), origin.open("/stall")]).toEqual([2, 1]));
    await viewer.leave();
  });

  it("moves to a source that a push names, with everybody who watches", async () => {
    origin.set("/moved", { fill: 0x11 });
    origin.set("/elsewhere", { fill: 0x33 });
    const viewer = await watch("moved");
    await viewer.take(GROUP_BYTES);
    const others = channels.filter(({ id }) => id !== "ch_moved");
    await product.push({
      channels: [...others, { id: "ch_moved", kind: "ts", sources: [`${origin.url}/elsewhere`] }],
    });
    await viewer.untilFilled(0x33);
    await vi.waitFor(() => expect(origin.open("/moved")).toBe(0));
    await product.push({ channels: others });
    await expect(viewer.until(() => false)).rejects.toThrow();
    expect((await codeOf(ask("moved")))[1]).toBe("channel_unknown");
  });

  it("is counted to the byte on both sides, is listed, and can be closed by order", async () => {
    origin.set("/counted", { rate: 0 });
    const viewer = await watch("counted");
    await viewer.take(GROUP_BYTES);
    const broken = viewer.until(() => false).then(() => "whole", String);
    await vi.waitFor(
      async () => {
        const { services } = await readStats(product);
        const counted = services.find(({ service }) => service === "ch_counted");
        const { active, down, channel } = counted ?? {};
        expect([active, down]).toEqual([1, viewer.received.byteLength]);
        expect([channel?.origin_requests, channel?.origin_bytes]).toEqual([1, GROUP_BYTES]);
        expect(channel?.source).toEqual({ index: 0, of: 1, host: new URL(origin.url).host });
      },
      { timeout: 15_000, interval: 100 },
    );
    const { id, target } = await untilListed(product, "hls", ({ service }) => service === "ch_counted");
    expect(target).toBe(`${origin.url}/…/stream.ts`);
    const closed = await product.api(`/api/connections/${encodeURIComponent(id)}`, { method: "DELETE" });
    expect(closed.status).toBeLessThan(300);
    expect(await broken).toMatch(/terminated|closed|reset/i);
  });

  it("cuts a viewer off that does not keep up, while another goes on", async () => {
    // 12 MB/s: past the window and the kernel's buffers within a few seconds.
    origin.set("/slow", { rate: 20, pictures: 800, still: true });
    const socket = connect(Number(new URL(product.edge).port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET /proxy/ch_slow/stream.ts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    const viewer = await watch("slow");
    await viewer.take(5 * TS_LIMITS.WINDOW_BYTES_MAX);
    let tail = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-5);
    });
    socket.resume();
    await once(socket, "close");
    expect(tail.toString("latin1")).not.toBe("0\r\n\r\n");
    readPackets(whole(await viewer.take(5.5 * TS_LIMITS.WINDOW_BYTES_MAX)));
    expect(origin.count("/slow")).toBe(1);
    await viewer.leave();
  });

  it("serves more viewers than one object takes, from the same connection", async () => {
    origin.set("/crowd", { rate: 5 });
    const count = TS_LIMITS.VIEWERS_PER_OBJECT + 20;
    const viewers = await Promise.all(Array.from({ length: count }, () => watch("crowd")));
    await Promise.all(
      viewers.map(async (viewer) => {
        const [pat, pmt, key] = readPackets((await viewer.take(2 * GROUP_BYTES)).subarray(0, 564));
        expect([pat?.pid, pmt?.pid, key?.flagged]).toEqual([0, PMT_PID, true]);
      }),
    );
    expect([origin.count("/crowd"), origin.open("/crowd")]).toEqual([1, 1]);
    await untilCounted(product, "ch_crowd", { active: count }, "hls");
    await Promise.all(viewers.map((viewer) => viewer.leave()));
  });

  it.skipIf(!HAS_FFPROBE)("plays: ffprobe finds the demo's picture and sound", async () => {
    const url = `${product.edge}/proxy/ch_demo/stream.ts`;
    const options = ["-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", url];
    const probe = spawn(FFPROBE, options);
    let printed = "";
    for (const output of [probe.stdout, probe.stderr]) output.on("data", (text) => (printed += text));
    expect(await once(probe, "close")).toEqual([0, null]);
    expect(printed).toContain("h264,640");
    expect(printed).toContain("aac");
  });
});

function whole(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.byteLength - (bytes.byteLength % 188));
}
