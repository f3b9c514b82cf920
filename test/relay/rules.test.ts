import { describe, expect, it, vi } from "vitest";
import { type Asker, type ResolveTarget, RuleTable } from "../../relay/rules.ts";
import type { RuleConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";

const EMPTY: RuleConfig = {
  domains: [],
  cidrs: [],
  ports: [],
  users: [],
  inbounds: [],
  outbound: "direct",
  private: false,
};
const ASKER: Asker = { inbound: ["office", "mixed"], user: "alice" };

function route(
  rules: Partial<RuleConfig>[],
  host: string,
  port = 443,
  resolve: ResolveTarget = never,
  asker = ASKER,
) {
  const table = new RuleTable(rules.map((rule) => ({ ...EMPTY, ...rule })));
  return table.route({ host, port }, asker, resolve);
}

const never = () => Promise.reject(new Error("the name was resolved"));
const to = (...addresses: string[]) => vi.fn(async () => addresses);

describe("RuleTable", () => {
  it("goes direct, with the name as it is, where no rule fits", async () => {
    const rules = [{ domains: ["a.example"], outbound: "far" }];
    expect(await route(rules, "b.example")).toMatchObject({ outbound: "direct", addresses: undefined });
    expect(await route([], "b.example")).toMatchObject({ outbound: "direct", allowPrivate: false });
  });

  it("lets the first rule that fits decide", async () => {
    const rules = [
      { domains: ["*.a.example"], outbound: "one" },
      { domains: ["b.a.example", "a.example"], outbound: "two", private: true },
      { outbound: "three" },
    ];
    expect((await route(rules, "B.A.example")).outbound).toBe("one");
    expect(await route(rules, "a.example")).toMatchObject({ outbound: "two", allowPrivate: true });
    expect((await route(rules, "nota.example")).outbound).toBe("three");
  });

  it("wants one entry of every list that is not empty", async () => {
    const rule = {
      domains: ["a.example"],
      ports: [
        { first: 80, last: 80 },
        { first: 400, last: 499 },
      ],
      users: ["alice", "bob"],
      inbounds: ["mixed"],
      outbound: "far",
    };
    const outboundFor = async (host: string, port: number, asker: Asker) =>
      (await route([rule], host, port, never, asker)).outbound;
    expect(await outboundFor("a.example", 443, ASKER)).toBe("far");
    expect(await outboundFor("a.example", 443, { ...ASKER, inbound: ["mixed"] })).toBe("far");
    expect(await outboundFor("b.example", 443, ASKER)).toBe("direct");
    expect(await outboundFor("a.example", 500, ASKER)).toBe("direct");
    expect(await outboundFor("a.example", 443, { ...ASKER, user: "" })).toBe("direct");
    expect(await outboundFor("a.example", 443, { ...ASKER, inbound: ["office", "socks"] })).toBe("direct");
  });

  it("refuses what a rule rejects", async () => {
    await expect(route([{ domains: ["a.example"], outbound: "reject" }], "a.example")).rejects.toMatchObject({
      code: "target_refused",
    });
  });

  it("asks for addresses only once a rule with ranges is reached, and then once", async () => {
    const resolve = to("192.0.2.1");
    const rules = [
      { domains: ["a.example"], outbound: "one" },
      { cidrs: ["10.0.0.0/8"], ports: [{ first: 80, last: 80 }], outbound: "two" },
      { cidrs: ["10.0.0.0/8"], outbound: "two" },
      { cidrs: ["192.0.2.0/24"], outbound: "three" },
    ];
    expect((await route(rules, "a.example", 443, resolve)).outbound).toBe("one");
    expect(resolve).not.toHaveBeenCalled();
    expect((await route(rules, "b.example", 443, resolve)).outbound).toBe("three");
    expect(resolve).toHaveBeenCalledTimes(1);
  });

  it("dials by a rule only the addresses in its ranges", async () => {
    const rules = [{ cidrs: ["10.0.0.0/8"], outbound: "far", private: true }];
    const found = await route(rules, "a.example", 443, to("192.0.2.1", "10.1.2.3"));
    expect(found).toEqual({
      outbound: "far",
      allowPrivate: true,
      addresses: ["10.1.2.3"],
      resolved: ["10.1.2.3"],
    });
  });

  it("drops the addresses in rejected ranges, goes on with the others, and no longer with the name", async () => {
    const rules = [{ cidrs: ["10.0.0.0/8"], outbound: "reject" }, { outbound: "far" }];
    const found = await route(rules, "a.example", 443, to("192.0.2.1", "10.1.2.3"));
    expect(found).toMatchObject({ outbound: "far", addresses: ["192.0.2.1"] });
    await expect(route(rules, "a.example", 443, to("10.1.2.3"))).rejects.toMatchObject({
      code: "target_refused",
    });
    expect(await route(rules, "a.example", 443, to("192.0.2.1"))).toMatchObject({ addresses: ["192.0.2.1"] });
  });

  it("sends the name onward where ranges only choose the way", async () => {
    const rules = [{ cidrs: ["10.0.0.0/8"], outbound: "inner" }, { outbound: "far" }];
    const found = await route(rules, "a.example", 443, to("192.0.2.1"));
    expect(found).toMatchObject({ outbound: "far", addresses: undefined, resolved: ["192.0.2.1"] });
  });

  it("finds the IPv4 address inside an IPv6 one", async () => {
    const rules = [{ cidrs: ["10.0.0.0/8"], outbound: "reject" }];
    for (const address of ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"]) {
      await expect(route(rules, "a.example", 443, to(address))).rejects.toMatchObject({
        code: "target_refused",
      });
    }
  });

  it("passes over ranges for a name that cannot be resolved, unless they reject", async () => {
    const fail = () => Promise.reject(new CausewayError("name_unresolved"));
    const onward = [{ cidrs: ["10.0.0.0/8"], outbound: "inner" }, { outbound: "far" }];
    expect(await route(onward, "a.example", 443, fail)).toMatchObject({
      outbound: "far",
      addresses: undefined,
    });
    const judged = [{ cidrs: ["10.0.0.0/8"], outbound: "reject" }, { outbound: "far" }];
    await expect(route(judged, "a.example", 443, fail)).rejects.toMatchObject({ code: "name_unresolved" });
  });
});
