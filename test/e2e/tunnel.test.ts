// The UDP tunnel as people run it: keys by `causeway keygen`, a relay with a configuration file, `causeway client`, curl.

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { type Demo, startDemo } from "../../relay/demo/origin.ts";
import { UDPACK_ENDPOINT_LIMITS } from "../../shared/limits.ts";
import { type CliRun, runCli } from "../support/cli.ts";
import { type LinkOptions, LossyLink, openFirewalled } from "../support/lossy-link.ts";

const run = promisify(execFile);

let demo: Demo;
let folder: string;
let server: CliRun;
let client: CliRun;
let proxy: string;
let serverKey: string;
let stranger: CliRun;
let strangerKey: string;
/** A client where UDP does not pass at first: what its way by a WebSocket took, and a download on that. */
let walled: CliRun;
let walledMs: number;
let held: Download;
/** What its way back to UDP took, in milliseconds. */
let backMs: Promise<number>;
let serverPort: number;
const runs: CliRun[] = [];
const closing: (() => void)[] = [];

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

/** What curl gets through a proxy. */
async function fetched(
  path: string,
  { scheme = "socks5h", by = proxy, seconds = 10 }: { scheme?: string; by?: string; seconds?: number } = {},
): Promise<string> {
  const args = ["-sS", "--max-time", `${seconds}`, "-x", `${scheme}://${by}`, `${demo.url}${path}`];
  return (await run("curl", args)).stdout;
}

interface Download {
  /** Resolves once it has moved something. */
  readonly begun: Promise<unknown>;
  /** Bytes that came, and what curl complains of. */
  readonly ended: Promise<{ bytes: number; complaint: string }>;
}

/** A download of 100,000 bytes that takes its time. */
function download(by: string, seconds: number): Download {
  const url = `${demo.url}/slow?bytes=100000&ms=${1_000 * seconds}`;
  const { stdout, stderr } = spawn("curl", ["-sSN", "--max-time", "40", "-x", `socks5h://${by}`, url]);
  const begun = once(stdout, "data");
  let bytes = 0;
  stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const ended = Promise.all([text(stderr), once(stdout, "end")]);
  return { begun, ended: ended.then(([complaint]) => ({ bytes, complaint })) };
}

async function isServed(by: string): Promise<boolean> {
  return (await fetched("/status/200", { by, seconds: 2 }).catch(() => "")) === "status 200\n";
}

function startClient(server: string, ...more: readonly string[]): CliRun {
  const key = more.includes("--key-file") ? [] : ["--key-file", join(folder, "client.key")];
  const args = ["--server", server, "--server-key", serverKey, "--listen", "127.0.0.1:0"];
  return start(["client", ...args, ...key, ...more]);
}

async function proxyOf(started: CliRun): Promise<string> {
  const [, address = ""] = await started.until(/proxy listens on (127\.0\.0\.1:\d+)/);
  return address;
}

/** Two ports beside each other that lead to the server, as a firewall leads a range to one. */
async function openRange(options: Omit<LinkOptions, "targetPort" | "port">): Promise<[LossyLink, LossyLink]> {
  for (;;) {
    const first = await LossyLink.open({ ...options, targetPort: serverPort });
    closing.push(() => first.close());
    const port = first.port + 1;
    const second = await LossyLink.open({ ...options, targetPort: serverPort, port }).catch(() => undefined);
    if (second === undefined) continue;
    closing.push(() => second.close());
    return [first, second];
  }
}

beforeAll(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "causeway-tunnel-"));
  const clientKey = await keygen("client.key");
  serverKey = await keygen("server.key");
  await writeConfig(0, clientKey);
  serverPort = await startServer();
  await writeConfig(serverPort, clientKey);
  client = startClient(`127.0.0.1:${serverPort}`);
  proxy = await proxyOf(client);
  await startLongStories();
});

/** What takes its time happens while other tests run. */
async function startLongStories(): Promise<void> {
  strangerKey = await keygen("stranger.key");
  stranger = startClient(`127.0.0.1:${serverPort}`, "--key-file", join(folder, "stranger.key"));
  const link = await openFirewalled(serverPort, (close) => closing.push(close));
  link.block(true);
  const since = performance.now();
  walled = startClient(`127.0.0.1:${link.port}`);
  await walled.until(/Connected to \S+ by a WebSocket/);
  walledMs = performance.now() - since;
  held = download(await proxyOf(walled), 17);
  await held.begun;
  link.block(false);
  const unblockedAt = performance.now();
  backMs = walled.until(/Connected to \S+ by UDP/).then(() => performance.now() - unblockedAt);
  // Whoever waits for it is told.
  backMs.catch(() => undefined);
}

afterAll(async () => {
  for (const { child } of runs) child.kill("SIGKILL");
  await Promise.all(runs.map(({ ended }) => ended));
  for (const close of closing) close();
  await demo.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("causeway client", { timeout: 60_000 }, () => {
  it("carries what programs ask its SOCKS and HTTP port for", async () => {
    for (const scheme of ["socks5h", "socks4a", "http"]) {
      expect(await fetched("/status/200", { scheme }), scheme).toBe("status 200\n");
    }
  });

  it("says what to do when the port is taken", async () => {
    const second = startClient(`127.0.0.1:${serverPort}`, "--listen", proxy);
    expect(await second.ended).toBe(1);
    expect(second.err).toMatch(/Cannot listen on 127\.0\.0\.1:\d+: the port is taken.* --listen$/m);
  });

  it("says that the server does not answer its key, which both ends name", async () => {
    await vi.waitFor(() => expect(stranger.err).toMatch(/does not answer this key.*\n.*public_key/), 10_000);
    expect(stranger.err).toContain(`public_key = "${strangerKey}"`);
    expect(server.err).toMatch(new RegExp(`client_unknown.*"client":"127.0.0.1".*"${strangerKey}"`));
  });

  it("brings 64 MiB whole over a lossy path, and hops to another port when one falls silent", async () => {
    const links = await openRange({ delayMs: 25, loss: 0.01, rate: 60_000_000, queueBytes: 3_000_000 });
    const ports = links.map(({ port }) => port);
    const hopping = startClient(`127.0.0.1:${ports.join("-")}`, "--no-websocket");
    const by = await proxyOf(hopping);
    const [, used] = await hopping.until(/Connected to 127\.0\.0\.1:(\d+) by UDP/);
    const bytes = 64 * 1024 * 1024;
    const { stdout } = await run("sh", [
      "-c",
      `curl -sS --max-time 60 -x socks5h://${by} ${demo.url}/bytes/${bytes} | sha256sum`,
    ]);
    const hash = createHash("sha256");
    for (const piece of demoBytes(0, bytes)) hash.update(piece);
    expect(stdout.split(" ")[0]).toBe(hash.digest("hex"));
    const broken = download(by, 30);
    await broken.begun;
    links.find(({ port }) => port === Number(used))?.block(true);
    const since = performance.now();
    expect((await broken.ended).complaint).toMatch(/reset by peer/);
    // Although the client only receives.
    expect(performance.now() - since).toBeLessThan(10_000);
    expect(await isServed(by)).toBe(true);
    const other = ports.find((port) => port !== Number(used));
    expect(hopping.out).toMatch(new RegExp(`Connected to 127.0.0.1:${other} by UDP`));
  });

  it("crosses a network without UDP by a WebSocket, and goes back to UDP when that passes again", async () => {
    expect(walledMs).toBeLessThan(10_000);
    const by = await proxyOf(walled);
    expect(await backMs).toBeLessThan(UDPACK_ENDPOINT_LIMITS.UDP_RETRY_MS + 10_000);
    expect(await isServed(by)).toBe(true);
    // What rode the WebSocket goes on there.
    expect(await held.ended).toEqual({ bytes: 100_000, complaint: "" });
  });

  it("serves the first that asks once its server was started anew, by whose session nobody knows it", async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    await startServer();
    expect(await isServed(proxy)).toBe(true);
  });

  it("is back within 5 s of its server's return, after the server was killed", async () => {
    server.child.kill("SIGKILL");
    await server.ended;
    expect(await isServed(proxy)).toBe(false);
    await startServer();
    const returnedAt = performance.now();
    while (!(await isServed(proxy))) expect(performance.now() - returnedAt).toBeLessThan(5_000);
    expect(performance.now() - returnedAt).toBeLessThan(5_000);
  });

  it("ends in order when it is told to", async () => {
    client.child.kill("SIGTERM");
    expect(await client.ended).toBe(0);
  });
});
