// The UDP tunnel as people run it: keys by `causeway keygen`, a relay with a configuration file, `causeway client`, curl.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Demo, startDemo } from "../../relay/demo/origin.ts";
import { type CliRun, runCli } from "../support/cli.ts";

const run = promisify(execFile);

let demo: Demo;
let folder: string;
let server: CliRun;
let client: CliRun;
let proxy: string;
let serverPort: number;
const runs: CliRun[] = [];

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliRun {
  const started = runCli(args, { cwd: folder, env });
  runs.push(started);
  return started;
}

async function keygen(name: string): Promise<string> {
  const made = start(["keygen", "--out", join(folder, name)]);
  const [, publicKey = ""] = await made.until(/public_key = "([\w-]{43})"/);
  await made.ended;
  return publicKey;
}

async function startServer(): Promise<number> {
  const key = (await readFile(join(folder, "server.key"), "utf8")).trim();
  server = start(["relay", "--config", join(folder, "relay.toml")], { UDPACK_KEY: key });
  const [, bound = ""] = await server.until(/udpack inbound listens on 127\.0\.0\.1:(\d+)/);
  return Number(bound);
}

async function writeConfig(port: number, clientKey: string): Promise<void> {
  const toml = [
    "[relay]",
    'drain_timeout = "0s"',
    `state = "${join(folder, "state")}"`,
    "[[relay.inbounds]]",
    'kind = "udpack"',
    `listen = "127.0.0.1:${port}"`,
    'key = "env:UDPACK_KEY"',
    `clients = [{ name = "laptop", public_key = "${clientKey}" }]`,
  ];
  await writeFile(join(folder, "relay.toml"), toml.join("\n"));
}

async function fetched(path: string, scheme = "socks5h"): Promise<string> {
  const args = ["-sS", "--max-time", "10", "-x", `${scheme}://${proxy}`, `${demo.url}${path}`];
  return (await run("curl", args)).stdout;
}

beforeAll(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "causeway-tunnel-"));
  const [serverKey, clientKey] = [await keygen("server.key"), await keygen("client.key")];
  await writeConfig(0, clientKey);
  serverPort = await startServer();
  await writeConfig(serverPort, clientKey);
  client = start([
    ...["client", "--server", `127.0.0.1:${serverPort}`, "--server-key", serverKey],
    ...["--key-file", join(folder, "client.key"), "--listen", "127.0.0.1:0"],
  ]);
  [, proxy = ""] = await client.until(/proxy listens on (127\.0\.0\.1:\d+)/);
});

afterAll(async () => {
  for (const { child } of runs) child.kill("SIGKILL");
  await Promise.all(runs.map(({ ended }) => ended));
  await demo.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("causeway client", { timeout: 60_000 }, () => {
  it("carries what programs ask its SOCKS and HTTP port for", async () => {
    for (const scheme of ["socks5h", "socks4a", "http"]) {
      expect(await fetched("/status/200", scheme), scheme).toBe("status 200\n");
    }
  });

  it("is back within 5 s of its server's return, after the server was killed", async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    await expect(fetched("/status/200")).rejects.toThrow();
    await startServer();
    const returnedAt = performance.now();
    for (;;) {
      const got = await fetched("/status/200").catch(() => "");
      if (got === "status 200\n") break;
      expect(performance.now() - returnedAt).toBeLessThan(5_000);
    }
    expect(performance.now() - returnedAt).toBeLessThan(5_000);
  });

  it("ends in order when it is told to", async () => {
    client.child.kill("SIGTERM");
    expect(await client.ended).toBe(0);
  });
});
