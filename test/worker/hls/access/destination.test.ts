// The threat: a playlist, a redirect or a provider's list names a place that only the edge reaches (SSRF), or the edge.

import { createExecutionContext } from "cloudflare:test";
import { env as bindings } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { ChannelConfig } from "../../../../shared/config/schema.ts";
import { HostSet, RouteTable } from "../../../../shared/net/routes.ts";
import type { Env } from "../../../../worker/env.ts";
import type { Exchange } from "../../../../worker/exchange.ts";
import { fetchOrigin } from "../../../../worker/hls/origin.ts";
import { isolateMeter } from "../../../../worker/stats/meter.ts";

const SOURCE = "http://origin.example:8080/live/i.m3u8";

/** Where a channel's request for `url` went, and by which network. */
async function wayTo(url: string, { foreign = false } = {}): Promise<string[]> {
  const went: string[] = [];
  const by = (network: string) => async (input: RequestInfo | URL) => {
    went.push(`${network} ${input}`);
    return new Response("", { status: 200 });
  };
  const x = {
    env: {
      ...(bindings as unknown as Env),
      CONTROL_HOSTS: "edge.example",
      ORIGIN_NETWORK: { fetch: by("any") } as unknown as Fetcher,
      PUBLIC_NETWORK: { fetch: by("public") } as unknown as Fetcher,
    },
    ctx: createExecutionContext(),
    config: {
      routes: new RouteTable([{ host: "*.app.example", path: "/*" }]),
      channelHosts: new HostSet(["tv.example"]),
    },
    meter: isolateMeter(),
    startedAt: Date.now(),
  } as unknown as Exchange;
  const channel = {
    id: "ch_a",
    sources: [{ url: SOURCE, via: "direct", headers: {}, ...(foreign ? { foreign } : {}) }],
    headers: {},
    response_header_timeout: 1_000,
  } as unknown as ChannelConfig;
  const reply = await fetchOrigin(x, channel, { method: "GET", url, source: 0 });
  await reply.response.body?.cancel();
  return went;
}

describe("what an origin names", () => {
  it("is fetched by any network from the configured host, on its port", async () => {
    expect(await wayTo("http://origin.example:8080/live/1.ts")).toEqual([
      "any http://origin.example:8080/live/1.ts",
    ]);
  });

  it("is fetched from public addresses only anywhere else", async () => {
    expect(await wayTo("http://origin.example/1.ts")).toEqual(["public http://origin.example/1.ts"]);
    expect(await wayTo("https://cdn.example/1.ts")).toEqual(["public https://cdn.example/1.ts"]);
    expect(await wayTo("http://8.8.8.8/1.ts")).toEqual(["public http://8.8.8.8/1.ts"]);
  });

  it("is the source itself where a provider's list has named it", async () => {
    expect(await wayTo(SOURCE, { foreign: true })).toEqual([`public ${SOURCE}`]);
  });

  it.each([
    "http://127.0.0.1/x.ts",
    "http://2130706433/x.ts",
    "http://0177.0.0.1/x.ts",
    "http://[::ffff:10.0.0.1]/x.ts",
    "http://[64:ff9b::a9fe:a9fe]/x.ts",
    "http://169.254.169.254./x.ts",
    "http://localhost:8787/x.ts",
    "http://metadata.google.internal/x.ts",
    "http://EDGE.example/x.ts",
    "http://edge.example./x.ts",
    "http://tv.example:8443/x.ts",
    "http://any.app.example/x.ts",
    "ftp://cdn.example/x.ts",
  ])("is never %s", async (url) => {
    await expect(wayTo(url)).rejects.toMatchObject({
      code: url.startsWith("ftp") ? "upstream_invalid" : "target_refused",
    });
  });
});
