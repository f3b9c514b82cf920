import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";
import { HEALTH_LIMITS } from "../../../shared/limits.ts";

function problems(raw: unknown): string[] {
  const parsed = parseConfig(raw);
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path);
}

describe("checkWays", () => {
  it("bounds the upstreams under active checks over all hosts", () => {
    const upstreams = Array.from({ length: 50 }, (_, n) => `http://u${n}.test`);
    const host = (n: number) => ({ host: `h${n}.test`, upstreams, health: { active: { path: "/" } } });
    const most = HEALTH_LIMITS.CHECKS_MAX / upstreams.length;
    const hosts = Array.from({ length: most }, (_, n) => host(n));
    expect(problems({ hosts })).toEqual([]);
    expect(problems({ hosts: [...hosts, host(most), host(most + 1)] })).toEqual([
      `hosts[${most}].health.active`,
    ]);
  });

  it("wants https for the ingress of a relay that is not on this machine", () => {
    const relay = (url: string) => ({ name: "main", token: "x".repeat(16), url, key: "k".repeat(16) });
    for (const url of [
      "https://relay.test",
      "http://127.0.0.1:8791",
      "http://localhost:8791",
      "http://[::1]:8791",
    ])
      expect(problems({ relays: [relay(url)] })).toEqual([]);
    for (const url of ["http://relay.test", "http://10.0.0.5:8791", "http://127.0.0.1.evil.test"])
      expect(problems({ relays: [relay(url)] })).toEqual(["relays[0].url"]);
  });
});
