// `causeway relay` as it runs in production: its own process, no edge, ended by SIGTERM.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Demo, startDemo } from "../../relay/demo/origin.ts";
import { type CliRun, runCli } from "../support/cli.ts";

let demo: Demo;
let directory: string;
let run: CliRun | undefined;

beforeEach(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
  directory = await mkdtemp(join(tmpdir(), "causeway-relay-"));
});

afterEach(async () => {
  run?.child.kill("SIGKILL");
  await run?.ended;
  await demo.stop();
  await rm(directory, { recursive: true, force: true });
});

async function runRelay(toml: string): Promise<CliRun> {
  const config = join(directory, "relay.toml");
  await writeFile(config, toml);
  run = runCli(["relay", "--config", config], { cwd: directory });
  return run;
}

const RELAY = '[relay]\ndrain_timeout = "10s"\n[[relay.inbounds]]\nkind = "mixed"\nlisten = "127.0.0.1:0"\n';

describe("causeway relay", { timeout: 30_000 }, () => {
  it("says where it listens and carries SOCKS5 and HTTP proxy connections", async () => {
    const relay = await runRelay(RELAY);
    const [, address = ""] = await relay.until(/mixed inbound listens on (127\.0\.0\.1:\d+)\n/);
    for (const scheme of ["socks5h", "http"]) {
      const { stdout } = await promisify(execFile)("curl", [
        "-sS",
        "-x",
        `${scheme}://${address}`,
        `${demo.url}/status/200`,
      ]);
      expect(stdout, scheme).toBe("status 200\n");
    }
  });

  it("lets open connections end after SIGTERM and accepts no more", async () => {
    const relay = await runRelay(RELAY);
    const [, address = ""] = await relay.until(/listens on (127\.0\.0\.1:\d+)\n/);
    const slow = promisify(execFile)(
      "curl",
      ["-sS", "-N", "-x", `socks5h://${address}`, `${demo.url}/slow?bytes=5000&ms=1500`],
      { encoding: "latin1" },
    );
    await once(slow.child.stdout ?? slow.child, "data");
    relay.child.kill("SIGTERM");
    const refused = () =>
      promisify(execFile)("curl", ["-sS", "-x", `socks5h://${address}`, `${demo.url}/status/200`]).then(
        () => false,
        () => true,
      );
    await expect.poll(refused, { timeout: 1_000 }).toBe(true);
    expect((await slow).stdout).toHaveLength(5_000);
    expect(await relay.ended).toBe(0);
  });

  it("takes another configuration over at SIGHUP without dropping a connection, and refuses one with problems", async () => {
    const relay = await runRelay(RELAY);
    const [, address = ""] = await relay.until(/listens on (127\.0\.0\.1:\d+)\n/);
    const slow = promisify(execFile)(
      "curl",
      ["-sS", "-N", "-x", `socks5h://${address}`, `${demo.url}/slow?bytes=5000&ms=1500`],
      { encoding: "latin1" },
    );
    await once(slow.child.stdout ?? slow.child, "data");
    const reload = async (toml: string, outcome: RegExp): Promise<string> => {
      await writeFile(join(directory, "relay.toml"), toml);
      relay.child.kill("SIGHUP");
      await expect.poll(() => relay.out + relay.err, { timeout: 5_000 }).toMatch(outcome);
      return relay.out + relay.err;
    };
    await reload("[relay]\nnonsense = true\n", /"config_refused".*relay\.nonsense/);
    const socks = '[[relay.inbounds]]\nkind = "socks"\nlisten = "127.0.0.1:0"\n';
    const log = await reload(RELAY + socks, /"config_reloaded","kept":1,"started":1/);
    const [, port = ""] = /"listener_up","inbound":"main\/socks".*"port":(\d+)/.exec(log) ?? [];
    const { stdout } = await promisify(execFile)("curl", [
      "-sS",
      "-x",
      `socks5h://127.0.0.1:${port}`,
      `${demo.url}/status/200`,
    ]);
    expect(stdout).toBe("status 200\n");
    expect((await slow).stdout).toHaveLength(5_000);
  });

  it("keeps a SIGHUP that comes while it starts, and reads the configuration again then", async () => {
    const config = join(directory, "pipe.toml");
    await promisify(execFile)("mkfifo", [config]);
    run = runCli(["relay", "--config", config], { cwd: directory });
    // The pipe opens once the relay reads it, so by then it starts; and it goes on when it gets the text.
    const pipe = await open(config, "w");
    run.child.kill("SIGHUP");
    await pipe.writeFile(RELAY);
    await pipe.close();
    await run.until(/mixed inbound listens on/);
    await writeFile(config, RELAY);
    await expect.poll(() => run?.err, { timeout: 5_000 }).toMatch(/"config_reloaded","kept":1,"started":0/);
  });

  it("exits with 2 when the file has no [relay], and for a secret that is not set", async () => {
    const without = await runRelay("");
    expect(await without.ended).toBe(2);
    expect(without.err).toContain("[relay]");
    const unset = await runRelay(
      '[relay]\nedge = "ws://127.0.0.1:1"\nedge_token = "env:CAUSEWAY_TEST_UNSET"\n',
    );
    expect(await unset.ended).toBe(2);
    expect(unset.err).toContain("relay.edge_token");
  });
});
