import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { run, withFile } from "./support.ts";

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../shared/config/fixtures/${name}`, import.meta.url));
}

describe("causeway check", () => {
  it("accepts a valid file with exit code 0", async () => {
    const { code, out } = await run(["check", "--config", fixture("full.toml")]);
    expect(code).toBe(0);
    expect(out).toMatch(/is valid: \d+ hosts?, \d+ channels?, \d+ listeners?/);
  });

  it("prints every problem on a line of its own and exits with 2", async () => {
    const { code, err, out } = await run(["check", "--config", fixture("bad.toml")]);
    expect(code).toBe(2);
    expect(out).toBe("");
    const lines = err.split("\n");
    expect(lines[0]).toMatch(/bad\.toml: 17 problems$/);
    expect(lines).toHaveLength(18);
    expect(err).toContain('hosts[0].max_body: "12 parsecs": expected 0B to 100TiB, as in "64MiB"');
    expect(err).not.toContain("hunter2");
  });

  it("names line and column of a syntax error, without quoting the file", async () => {
    await withFile('a = 1\ntoken = "hunter2" "\n', async (path) => {
      const { code, err } = await run(["check", "-c", path]);
      expect(code).toBe(2);
      expect(err).toMatch(/causeway\.toml:2:\d+: not valid TOML: /);
      expect(err).not.toContain("hunter2");
    });
  });

  it("says so when there is no such file", async () => {
    const { code, err } = await run(["check", "-c", "/nowhere/causeway.toml"]);
    expect(code).toBe(2);
    expect(err).toBe('Cannot read the configuration "/nowhere/causeway.toml": there is no such file');
  });

  it("needs no environment", async () => {
    await withFile('[[relays]]\nname = "main"\ntoken = "env:NOT_SET"\n', async (path) => {
      expect((await run(["check", "-c", path])).code).toBe(0);
    });
  });
});
