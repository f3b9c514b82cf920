import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

function problems(host: string): string[] {
  const parsed = parseConfig({ hosts: [{ host, upstreams: ["http://origin.test"] }] });
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path);
}

describe("HOST_PATTERN", () => {
  it("takes names that a request can ask for, and no others", () => {
    for (const host of [
      "app.example.com",
      "*.Example.com",
      "a_b-c.test.",
      "bücher.test",
      "*.测试",
      "127.0.0.1",
    ])
      expect(problems(host), host).toEqual([]);
    const wrong = [
      "app.example.com,www.example.com",
      "app..example",
      ".example.com",
      "a%zz|<b>",
      "a%2eexample",
      "999.1.1.1",
      "*.*.example",
      "app.example.com:443",
      `${"a".repeat(64)}.example`,
      "a\ufffd.example",
      "*.",
      "",
    ];
    for (const host of wrong) expect(problems(host), host).toEqual(["hosts[0].host"]);
  });
});
