import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { NameResolver, type Query } from "../../../relay/outbound/resolver.ts";
import { RELAY_LIMITS } from "../../../shared/limits.ts";

type Answers = Partial<Record<4 | 6, { address: string; ttl: number }[] | string | "never">>;

/** A resolver over fixed answers; a string is an error code. */
function resolverFor(answers: Answers, listed?: readonly string[]) {
  const clock = { now: 0 };
  const query = vi.fn<Query>(async (_, family) => {
    const answer = answers[family] ?? "ENODATA";
    if (answer === "never") return new Promise(() => undefined);
    if (typeof answer === "string") throw Object.assign(new Error(answer), { code: answer });
    return answer;
  });
  const hosts = { lookup: async () => listed };
  return { resolver: new NameResolver({ query, hosts, now: () => clock.now }), query, clock };
}

describe("NameResolver", () => {
  it("alternates the families, IPv6 first", async () => {
    const { resolver } = resolverFor({
      4: [
        { address: "192.0.2.1", ttl: 60 },
        { address: "192.0.2.2", ttl: 60 },
      ],
      6: [{ address: "2001:db8::1", ttl: 60 }],
    });
    expect(await resolver.resolve("a.example")).toEqual(["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
  });

  it("believes the hosts file before any name server", async () => {
    const { resolver, query } = resolverFor({}, ["10.0.0.1"]);
    expect(await resolver.resolve("a.example")).toEqual(["10.0.0.1"]);
    expect(query).not.toHaveBeenCalled();
  });

  it("asks once for the same name in any spelling while the answer lives", async () => {
    const { resolver, query, clock } = resolverFor({ 4: [{ address: "192.0.2.1", ttl: 30 }] });
    await Promise.all([resolver.resolve("a.example"), resolver.resolve("A.Example.")]);
    clock.now = 29_999;
    await resolver.resolve("a.example");
    expect(query).toHaveBeenCalledTimes(2);
    clock.now = 30_000;
    await resolver.resolve("a.example");
    expect(query).toHaveBeenCalledTimes(4);
  });

  it.each([
    [0, RELAY_LIMITS.DNS_TTL_MIN_MS],
    [1_000_000, RELAY_LIMITS.DNS_TTL_MAX_MS],
  ])("keeps an answer of TTL %i s for %i ms", async (ttl, keptMs) => {
    const { resolver, query, clock } = resolverFor({ 4: [{ address: "192.0.2.1", ttl }] });
    await resolver.resolve("a.example");
    clock.now = keptMs - 1;
    await resolver.resolve("a.example");
    expect(query).toHaveBeenCalledTimes(2);
    clock.now = keptMs;
    await resolver.resolve("a.example");
    expect(query).toHaveBeenCalledTimes(4);
  });

  it("remembers for a while that a name does not exist", async () => {
    const { resolver, query } = resolverFor({ 4: "ENOTFOUND", 6: "ENOTFOUND" });
    for (let times = 0; times < 3; times++) {
      await expect(resolver.resolve("a.example")).rejects.toMatchObject({ code: "name_unknown" });
    }
    expect(query).toHaveBeenCalledTimes(2);
  });

  it("tells failing name servers from an unknown name, and asks them again", async () => {
    const { resolver, query } = resolverFor({ 4: "ESERVFAIL" });
    for (let times = 0; times < 2; times++) {
      await expect(resolver.resolve("a.example")).rejects.toMatchObject({ code: "name_unresolved" });
    }
    expect(query).toHaveBeenCalledTimes(4);
  });

  it("does not wait for a family that hangs", async () => {
    const { resolver } = resolverFor({ 4: [{ address: "192.0.2.1", ttl: 60 }], 6: "never" });
    expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
  });

  it("takes silent name servers for failing ones", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { resolver } = resolverFor({ 4: "ENODATA", 6: "never" });
    const resolved = expect(resolver.resolve("a.example")).rejects.toMatchObject({ code: "name_unresolved" });
    await vi.advanceTimersByTimeAsync(RELAY_LIMITS.DNS_TIMEOUT_MS);
    await resolved;
  });

  it("keeps no more addresses of a name than could ever be of use", async () => {
    const many = Array.from({ length: 250 }, (_, index) => ({ address: `192.0.2.${index}`, ttl: 60 }));
    const { resolver } = resolverFor({ 4: many });
    expect(await resolver.resolve("a.example")).toHaveLength(RELAY_LIMITS.DNS_ADDRESSES_MAX);
  });

  it("uses one family when the other fails", async () => {
    const { resolver } = resolverFor({ 4: "ESERVFAIL", 6: [{ address: "2001:db8::1", ttl: 60 }] });
    expect(await resolver.resolve("a.example")).toEqual(["2001:db8::1"]);
  });

  it.each([
    ["ipv6_first", ["2001:db8::1", "192.0.2.1"]],
    ["ipv4_first", ["192.0.2.1", "2001:db8::1"]],
    ["ipv4", ["192.0.2.1"]],
    ["ipv6", ["2001:db8::1"]],
  ] as const)(
    "gives the addresses as the family %s wants them, and asks for no other",
    async (family, expected) => {
      const query = vi.fn<Query>(async (_, asked) => [
        { address: asked === 4 ? "192.0.2.1" : "2001:db8::1", ttl: 60 },
      ]);
      const config = { family, min_ttl: 0, max_ttl: 1_000 };
      const resolver = new NameResolver({ config, query, hosts: { lookup: async () => undefined } });
      expect(await resolver.resolve("a.example")).toEqual(expected);
      expect(query).toHaveBeenCalledTimes(expected.length);
    },
  );

  it("leaves out what the hosts file says of a family that is not wanted", async () => {
    const hosts = { lookup: async () => ["127.0.0.1", "::1"] };
    const config = { family: "ipv4", min_ttl: 0, max_ttl: 1_000 } as const;
    expect(await new NameResolver({ config, hosts }).resolve("a.example")).toEqual(["127.0.0.1"]);
  });

  it("keeps answers within the configured bounds", async () => {
    let now = 0;
    const query = vi.fn<Query>(async () => [{ address: "192.0.2.1", ttl: 60 }]);
    const config = { family: "ipv4", min_ttl: 0, max_ttl: 1_000 } as const;
    const hosts = { lookup: async () => undefined };
    const resolver = new NameResolver({ config, query, hosts, now: () => now });
    for (now of [0, 999, 1_000]) await resolver.resolve("a.example");
    expect(query).toHaveBeenCalledTimes(2);
  });
});

describe("NameResolver.of", () => {
  it("asks the configured name servers, and no hosts file when there is none", async () => {
    const server = createSocket("udp4").bind(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    server.on("message", (question, { port, address }) => {
      // The question with the bits of an answer, and behind it one A record: name by pointer, class IN, TTL 60.
      const answer = Buffer.from(question);
      answer.writeUInt16BE(0x8180, 2);
      answer.writeUInt16BE(1, 6);
      answer.writeUInt16BE(0, 10);
      const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
      const end = question.indexOf(0, 12) + 5;
      server.send(Buffer.concat([answer.subarray(0, end), record]), port, address);
    });
    const { port } = server.address();
    const servers = [`127.0.0.1:${port}`];
    const resolver = NameResolver.of({ servers, hosts_file: "", min_ttl: 0, max_ttl: 0, family: "ipv4" });
    expect(await resolver.resolve("a.example")).toEqual(["192.0.2.7"]);
    expect(await resolver.resolve("localhost")).toEqual(["127.0.0.1"]);
  });
});
