// `causeway start` as people run it: a child process, real sockets, signals.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { claimPort, listen } from "../../relay/serve/listen.ts";
import {
  type CliRun,
  isRunning,
  listeningAddresses,
  pressCtrlC,
  processTree,
  runCli,
} from "../support/cli.ts";
import { namedPort } from "../support/named-port.ts";

const START_TIMEOUT_MS = 60_000;
const execute = promisify(execFile);

let directory: string;
let config: string;
let defaultConfig: string;

beforeAll(async () => {
  defaultConfig = await readFile(new URL("../../causeway.toml", import.meta.url), "utf8");
});

beforeEach(async () => {
  directory ??= await mkdtemp(join(tmpdir(), "causeway-start-"));
  config = join(directory, "causeway.toml");
  await writeFile(config, onFreePorts(defaultConfig));
});

afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));

/** The configuration with its listeners on free ports. */
function onFreePorts(text: string): string {
  return text.replaceAll(/^(listen|admin) = "127\.0\.0\.1:\d+"/gm, '$1 = "127.0.0.1:0"');
}

const running: CliRun[] = [];

function start(...more: string[]): CliRun {
  const run = runCli(
    ["start", "--config", config, "--edge-port", "0", "--demo-port", "0", "--state", ".causeway", ...more],
    {
      cwd: directory,
      env: { RELAY_TOKEN: undefined, RELAY_INGRESS_KEY: undefined, RELAY_ADMIN_TOKEN: undefined },
    },
  );
  running.push(run);
  return run;
}

async function startWhole(): Promise<CliRun> {
  const run = start();
  await run.until(/Stop with Ctrl-C/);
  return run;
}

/** Ends what a failed test left behind. */
async function endAll(): Promise<void> {
  for (const { child, ended } of running.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  }
}

function portsOf(out: string): number[] {
  const table = out.slice(out.indexOf("LISTENS ON"), out.indexOf("Hosts at the edge"));
  return [...table.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
}

describe("causeway start", { timeout: START_TIMEOUT_MS }, () => {
  let run: CliRun;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "causeway-start-"));
    config = join(directory, "causeway.toml");
    const port = await namedPort();
    // The edge has to know where the ingress is.
    const ingress = `127.0.0.1:${port}`;
    const text = defaultConfig.replaceAll("127.0.0.1:8791", ingress).replace("127.0.0.1:1080", "127.0.0.1:0");
    await writeFile(config, text);
    run = await startWhole();
  }, START_TIMEOUT_MS);

  afterAll(endAll);

  it("prints what listens where and which setting moves it", () => {
    expect(run.out).toMatch(/edge\S* .*http:\/\/127\.0\.0\.1:\d+ +--edge-port\n/);
    expect(run.out).toMatch(/SOCKS and HTTP proxy +127\.0\.0\.1:\d+ +relay\.inbounds\[0\]\.listen\n/);
    expect(run.out).toMatch(/ingress for the edge +127\.0\.0\.1:\d+ +relay\.inbounds\[1\]\.listen\n/);
    expect(run.out).toMatch(/demo origin +http:\/\/127\.0\.0\.1:\d+ +--demo-port\n/);
    expect(run.out).toMatch(/http:\/\/echo\.localhost:\d+\//);
    expect(run.err).toBe("");
  });

  it("prints three things to try, and they work as they stand", async () => {
    const commands = [...run.out.matchAll(/^ {2}(curl .*)$/gm)].map(([, command]) => command ?? "");
    expect(commands).toHaveLength(3);
    const outputs = [];
    for (const command of commands) outputs.push((await execute("/bin/sh", ["-c", command])).stdout);
    expect(JSON.parse(outputs[0] ?? "")).toMatchObject({ "x-forwarded-host": "demo.localhost" });
    expect(commands[1]).toContain("socks5h://127.0.0.1:");
    expect(outputs[2]).toMatch(/^#EXTM3U\n/);
  });

  it("serves a host by way of the relay's ingress, with a key that it made itself", async () => {
    const [, edge = ""] = /(http:\S+)\/#login=/.exec(run.out) ?? [];
    const { stdout } = await execute("curl", ["-s", "-H", "Host: relayed.localhost", `${edge}/headers`]);
    expect(JSON.parse(stdout)).toMatchObject({ "x-forwarded-host": "relayed.localhost" });
    expect(stdout).not.toContain("x-causeway");
  });

  it("prints a login link that works once and only once", async () => {
    const [, edge = "", code = ""] = /(http:\S+)\/#login=(\S+)/.exec(run.out) ?? [];
    const redeem = () =>
      fetch(`${edge}/api/session`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: edge },
        body: JSON.stringify({ code }),
      });
    const first = await redeem();
    expect(first.status).toBe(200);
    const cookie = first.headers.getSetCookie()[0] ?? "";
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    const stats = await fetch(`${edge}/api/stats`, { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(stats.status).toBe(200);
    expect((await redeem()).status).toBeGreaterThanOrEqual(400);
  });

  it("serves the dashboard", async () => {
    const [, edge = ""] = /(http:\S+)\/#login=/.exec(run.out) ?? [];
    const page = await fetch(`${edge}/`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect((await fetch(`${edge}/app.js`)).status).toBe(200);
  });

  it("keeps its secrets in a file of its own", async () => {
    const file = await stat(join(directory, ".causeway/secrets.json"));
    expect(file.mode & 0o777).toBe(0o600);
    expect(run.out).not.toContain(
      JSON.parse(await readFile(join(directory, ".causeway/secrets.json"), "utf8")).ADMIN_TOKEN,
    );
  });

  it.runIf(process.platform === "linux")("listens on loopback only", () => {
    const addresses = listeningAddresses(processTree(run.child.pid ?? 0));
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    for (const address of addresses) {
      expect(address).toMatch(/^(0100007F|00000000000000000000000001000000):/);
    }
  });

  it("lets no second one into its state", async () => {
    const second = start();
    expect(await second.ended).toBe(1);
    expect(second.err).toMatch(/another "causeway start" uses it.*--state/);
    const [, edge] = /http:\/\/(127\.0\.0\.1:\d+)/.exec(run.out) ?? [];
    expect((await fetch(`http://${edge}/ready`)).status).toBe(200);
  });

  it("stops everything at Ctrl-C and leaves no process and no port", async () => {
    const tree = processTree(run.child.pid ?? 0);
    const ports = portsOf(run.out);
    expect(ports).toHaveLength(5);
    pressCtrlC(run);
    expect(await run.ended).toBe(0);
    expect(run.out).toContain("Stopped");
    expect(run.err).toBe("");
    await expect.poll(() => tree.filter(isRunning)).toEqual([]);
    // Anybody's outgoing connection may have one for a moment.
    for (const port of ports)
      await vi.waitFor(() => claimPort({ host: "127.0.0.1", port, setting: "" }), { timeout: 5_000 });
  });
});

describe("causeway start that is ended otherwise", { timeout: START_TIMEOUT_MS }, () => {
  afterEach(endAll);

  it("starts again with the secrets and the state of the first time", async () => {
    const secrets = await readFile(join(directory, ".causeway/secrets.json"), "utf8");
    const run = await startWhole();
    expect(await readFile(join(directory, ".causeway/secrets.json"), "utf8")).toBe(secrets);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  it("ends at once at the second Ctrl-C, while connections are still open", async () => {
    const run = await startWhole();
    const [, proxy = ""] = /proxy +127\.0\.0\.1:(\d+)/.exec(run.out) ?? [];
    const [, demo = ""] = /demo origin +http:\/\/127\.0\.0\.1:(\d+)/.exec(run.out) ?? [];
    const slow = execFile("curl", [
      ...["-s", "-N", "-x", `http://127.0.0.1:${proxy}`],
      `http://127.0.0.1:${demo}/slow?bytes=100000&ms=60000`,
    ]);
    await once(slow.stdout ?? slow, "data");
    const tree = processTree(run.child.pid ?? 0);
    run.child.kill("SIGINT");
    await run.until(/Stopping/);
    // Signals that follow within half a second count as the same key press.
    await expect.poll(() => run.child.kill("SIGINT"), { interval: 100, timeout: 3_000 }).toBe(false);
    expect(await run.ended).toBe(130);
    await expect.poll(() => tree.filter(isRunning)).toEqual([]);
    slow.kill();
  });

  it("leaves no workerd behind when it is killed outright", async () => {
    const run = await startWhole();
    const tree = processTree(run.child.pid ?? 0);
    expect(tree.length).toBeGreaterThan(1);
    run.child.kill("SIGKILL");
    await run.ended;
    await expect.poll(() => tree.filter(isRunning), { timeout: 5_000 }).toEqual([]);
  });
});

describe("causeway start that cannot start", { timeout: START_TIMEOUT_MS }, () => {
  let blocker: Server;
  let taken: number;

  beforeEach(async () => {
    blocker = createServer();
    await listen(blocker, { host: "127.0.0.1", port: 0, setting: "" });
    const address = blocker.address();
    taken = typeof address === "object" && address !== null ? address.port : 0;
  });

  afterEach(async () => {
    blocker.close();
    await endAll();
  });

  it.each(["--edge-port", "--demo-port"])("names a taken port and %s", async (option) => {
    const run = start(option, `${taken}`);
    expect(await run.ended).toBe(1);
    expect(run.err).toContain(`127.0.0.1:${taken}`);
    expect(run.err).toContain(option);
  });

  it("names the taken port of an inbound and its key, and leaves nothing running", async () => {
    await writeFile(
      config,
      onFreePorts(defaultConfig).replace('listen = "127.0.0.1:0"', `listen = "127.0.0.1:${taken}"`),
    );
    const run = start();
    await run.until(/Starting the relay/);
    const tree = processTree(run.child.pid ?? 0);
    expect(await run.ended).toBe(1);
    expect(run.err).toContain(`127.0.0.1:${taken}`);
    expect(run.err).toContain("relay.inbounds[0].listen");
    await expect.poll(() => tree.filter(isRunning)).toEqual([]);
  });

  it("reports every problem of the configuration at once and exits with 2", async () => {
    await writeFile(
      config,
      `${defaultConfig}\ncolour = "blue"\n[edge]\nchannel_host = []\n[[hosts]]\nhost = "a b"\n`,
    );
    const run = start();
    expect(await run.ended).toBe(2);
    expect(run.err).toContain("colour");
    expect(run.err).toContain("edge.channel_host");
    expect(run.err).toMatch(/hosts\[\d+\]\.host/);
    expect(run.err).toMatch(/hosts\[\d+\]\.upstreams/);
  });

  it("exits with 2 when there is no configuration file", async () => {
    config = join(directory, "missing.toml");
    const run = start();
    expect(await run.ended).toBe(2);
    expect(run.err).toContain("missing.toml");
  });
});
