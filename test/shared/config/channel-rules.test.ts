import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";
import { ChannelSchema } from "../../../shared/config/schema.ts";

const RELAY = { name: "main", token: "x".repeat(16), url: "https://relay.test", key: "k".repeat(16) };

function problems(raw: unknown): string[] {
  const parsed = parseConfig(raw);
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path);
}

function channel(...sources: unknown[]) {
  return { id: "ch_a", sources };
}

describe("a channel's sources", () => {
  it("are URLs or tables, and come out as tables in their order", () => {
    const { sources } = v.parse(
      ChannelSchema,
      channel("http://a.test/1", { url: "http://b.test/2", via: "relay:main", headers: { A: "1" } }),
    );
    expect(sources).toEqual([
      { url: "http://a.test/1", via: "direct", headers: {} },
      { url: "http://b.test/2", via: "relay:main", headers: { A: "1" } },
    ]);
  });

  it("are one to sixteen", () => {
    const many = Array.from({ length: 17 }, (_, n) => `http://s${n}.test/`);
    expect(problems({ channels: [channel()] })).toEqual(["channels[0].sources"]);
    expect(problems({ channels: [channel(...many)] })).toEqual(["channels[0].sources"]);
    expect(problems({ channels: [channel(...many.slice(1))] })).toEqual([]);
  });

  it('may have header fields behind "|", but no other text', () => {
    expect(problems({ channels: [channel("http://a.test/x|User-Agent=A b/1 (c)&Referer=d")] })).toEqual([]);
    expect(problems({ channels: [channel("http://a.test/x y|User-Agent=A")] })).toEqual([
      "channels[0].sources[0]",
    ]);
    expect(problems({ channels: [channel("ftp://a.test/x|User-Agent=A")] })).toEqual([
      "channels[0].sources[0]",
    ]);
  });

  it("go through relays that the edge can reach", () => {
    const channels = [channel({ url: "http://10.0.0.1/x", via: "relay:main" })];
    expect(problems({ channels, relays: [RELAY] })).toEqual([]);
    expect(problems({ channels })).toEqual(["channels[0].sources[0].via"]);
    expect(problems({ channels, relays: [{ name: "main", token: RELAY.token }] })).toEqual([
      "channels[0].sources[0].via",
    ]);
  });
});
