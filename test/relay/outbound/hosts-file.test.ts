import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { HostsFile, parseHosts } from "../../../relay/outbound/hosts-file.ts";

describe("parseHosts", () => {
  it("reads names, aliases and comments, and skips what is no address", () => {
    const hosts = parseHosts(
      "10.0.0.1 App app2 # comment\n\n# 10.0.0.9 no\n::1\tapp\r\nnonsense x\n10.0.0.1 app\n",
    );
    expect(Object.fromEntries(hosts)).toEqual({ app: ["10.0.0.1", "::1"], app2: ["10.0.0.1"] });
  });
});

describe("HostsFile", () => {
  it("answers from the file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hosts-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "hosts"), "10.0.0.7 nas\n");
    const hosts = new HostsFile(join(folder, "hosts"));
    expect(await hosts.lookup("nas")).toEqual(["10.0.0.7"]);
    expect(await hosts.lookup("other")).toBeUndefined();
  });

  it("knows localhost and what is below it without a file (RFC 6761)", async () => {
    const hosts = new HostsFile("/nonexistent/hosts");
    expect(await hosts.lookup("localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(await hosts.lookup("app.localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(await hosts.lookup("localhost.example")).toBeUndefined();
  });
});
