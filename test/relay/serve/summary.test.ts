import { describe, expect, it } from "vitest";
import { type Running, startSummary, thingsToTry } from "../../../relay/serve/summary.ts";
import { parseConfig } from "../../../shared/config/parse.ts";

function running(raw: object, more: Partial<Running> = {}): Running {
  const parsed = parseConfig(raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return {
    config: parsed.config,
    edgeUrl: "http://127.0.0.1:8787",
    demoUrl: "http://127.0.0.1:8085",
    listeners: [{ what: "edge", address: "http://127.0.0.1:8787", setting: "--edge-port" }],
    proxy: "127.0.0.1:1080",
    loginLink: "http://127.0.0.1:8787/#login=CODE",
    stateDir: ".causeway",
    ...more,
  };
}

const host = (name: string) => ({ host: name, upstreams: ["http://127.0.0.1:8085"] });
const relay = { inbounds: [{ kind: "mixed", listen: "127.0.0.1:1080" }] };

describe("startSummary", () => {
  it("aligns the table and prints the login link", () => {
    const text = startSummary(running({}));
    expect(text).toContain(
      "  WHAT  LISTENS ON             SET BY\n  edge  http://127.0.0.1:8787  --edge-port\n",
    );
    expect(text).toContain("http://127.0.0.1:8787/#login=CODE");
  });

  it("shows names of this machine as URLs, others as names, and ten at most", () => {
    const hosts = ["demo.localhost", "*.localhost", "app.example.com"].map(host);
    const text = startSummary(running({ hosts }));
    expect(text).toMatch(/^ {2}http:\/\/demo\.localhost:8787\/$/m);
    expect(text).toMatch(/^ {2}\*\.localhost$/m);
    expect(text).toMatch(/^ {2}app\.example\.com$/m);
    const part = startSummary(running({ hosts: [{ ...host("rules.localhost"), path: "/demo/*" }] }));
    expect(part).toMatch(/^ {2}http:\/\/rules\.localhost:8787\/demo\/$/m);
    const many = Array.from({ length: 12 }, (_, n) => host(`h${n}.example`));
    expect(startSummary(running({ hosts: many }))).toContain("  h9.example\n  and 2 more\n");
  });
});

describe("channels in the summary", () => {
  it("are shown by what plays them", () => {
    const channel = (id: string, more: object) => ({ id, sources: ["http://127.0.0.1:8085/i"], ...more });
    const channels = [
      channel("ch_paid", { access: "token" }),
      channel("ch_raw", { kind: "ts" }),
      channel("ch_a", {}),
    ];
    const text = startSummary(running({ channels }));
    expect(text).toMatch(/^ {2}ch_paid, by signed addresses: causeway sign ch_paid$/m);
    expect(text).toMatch(/^ {2}http:\/\/127\.0\.0\.1:8787\/proxy\/ch_raw\/stream\.ts$/m);
    expect(thingsToTry(running({ channels }))).toEqual(["curl http://127.0.0.1:8787/proxy/ch_a/stream.m3u8"]);
  });
});

describe("thingsToTry", () => {
  it("offers a host, the proxy and a channel", () => {
    const channels = [{ id: "ch_a", sources: ["http://127.0.0.1:8085/live/index.m3u8"] }];
    expect(
      thingsToTry(running({ hosts: [host("*.x.example"), host("a.example")], channels, relay })),
    ).toEqual([
      "curl -H 'Host: a.example' http://127.0.0.1:8787/headers",
      "curl -x socks5h://127.0.0.1:1080 -o /dev/null http://127.0.0.1:8085/bytes/100000000",
      "curl http://127.0.0.1:8787/proxy/ch_a/stream.m3u8",
    ]);
  });

  it("offers only what is there", () => {
    expect(thingsToTry(running({}))).toEqual([]);
    expect(thingsToTry(running({ hosts: [host("a.example")], relay }, { demoUrl: undefined }))).toEqual([
      "curl -H 'Host: a.example' http://127.0.0.1:8787/",
    ]);
  });

  it("offers no proxy that asks for a password", () => {
    const withPassword = {
      users: [{ name: "u", password: "env:U" }],
      inbounds: [{ kind: "mixed", listen: "127.0.0.1:1080", auth: "password" }],
    };
    expect(thingsToTry(running({ relay: withPassword }))).toEqual([]);
  });
});
