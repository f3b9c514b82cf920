import { describe, expect, it } from "vitest";
import { checkOf, checksOf } from "../../../shared/config/health-checks.ts";
import { parseConfig } from "../../../shared/config/parse.ts";
import type { HostConfig } from "../../../shared/config/schema.ts";

function hosts(raw: readonly Record<string, unknown>[]): HostConfig[] {
  const parsed = parseConfig({ hosts: raw });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config.hosts;
}

const active = { path: "/up" };

describe("checksOf", () => {
  it("names each upstream under active checks once, however many hosts share it", () => {
    const checks = checksOf(
      hosts([
        { host: "a.test", upstreams: ["http://one.test/", "http://two.test"], health: { active } },
        { host: "b.test", upstreams: [{ url: "http://one.test", weight: 3 }], health: { active } },
        { host: "c.test", upstreams: ["http://three.test"] },
      ]),
    );
    expect(checks.map(({ base }) => base)).toEqual(["http://one.test", "http://two.test"]);
  });

  it("asks nothing for hosts that are switched off or redirect everything", () => {
    const off = { host: "a.test", enabled: false, upstreams: ["http://one.test"], health: { active } };
    const redirect = {
      host: "b.test",
      redirect: { to: "https://x.test" },
      upstreams: ["http://one.test"],
      health: { active },
    };
    expect(checksOf(hosts([off, redirect]))).toEqual([]);
  });
});

describe("checkOf", () => {
  it("gives another name to another upstream, way or question", () => {
    const [host] = hosts([{ host: "a.test", upstreams: ["http://one.test"], health: { active } }]);
    const question = host?.health.active;
    if (!question) throw new Error("The host has no active check");
    const ids = [
      checkOf("direct", "http://one.test", question),
      checkOf("direct", "http://two.test", question),
      checkOf("relay:main", "http://one.test", question),
      checkOf("direct", "http://one.test", { ...question, path: "/other" }),
      checkOf("direct", "http://one.test", { ...question, body: "ok" }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(checkOf("direct", "http://one.test", { ...question }).id).toBe(ids[0]);
  });
});
