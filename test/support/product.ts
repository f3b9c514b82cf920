// The whole product for end-to-end tests: demo origin, edge and relay on free ports, state in a temporary directory.
// Each part can be killed and restarted on its own.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { type Demo, startDemo } from "../../relay/demo/origin.ts";
import { buildEdgeIfStale } from "../../relay/serve/build.ts";
import { untilReady } from "../../relay/serve/control-api.ts";
import { type Edge, startEdge } from "../../relay/serve/edge.ts";
import { type LinkedRelay, startLinkedRelay } from "../../relay/serve/linked-relay.ts";
import { PortTakenError } from "../../relay/serve/listen.ts";
import { pushLocally } from "../../relay/serve/local.ts";
import { localSecrets } from "../../relay/serve/secrets.ts";
import { parseConfig } from "../../shared/config/parse.ts";
import { formatProblem } from "../../shared/config/problem.ts";
import type { RelayConfig } from "../../shared/config/schema.ts";

const RELAY_TOKEN = "a-token-for-the-control-link-of-tests";

type Table = Readonly<Record<string, unknown>>;

export interface ProductOptions {
  /**
   * Top-level keys of the raw configuration that replace the default ones. The function gets the demo origin's URL,
   * which is known only then. Default hosts: demo.localhost, echo.localhost, raw.localhost; channel ch_demo; one mixed
   * inbound on a free port.
   */
  readonly config?: Table | ((demo: string) => Table);
  /** Keys of `[relay]` that replace the default ones. */
  readonly relay?: Table;
  /** Gives the Worker an R2 bucket for channels' bodies. */
  readonly bucket?: boolean;
  /** What the Worker logs. */
  readonly onLog?: (level: string, message: string) => void;
}

interface FetchHostInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal;
}

export interface Product {
  /** Base URL of the edge, without a final slash; its host is a control host. */
  readonly edge: string;
  /** Base URL of the demo origin. */
  readonly demo: string;
  /** Port of the first inbound. */
  readonly proxyPort: number;
  /** Ports of all inbounds, in the order of the configuration. */
  readonly proxyPorts: readonly number[];
  /** Where the objects' storage lies. */
  readonly stateDir: string;
  readonly adminToken: string;
  /** Id of the workerd process; undefined while it is down. */
  readonly edgePid: number | undefined;
  /** fetch of a path of the control API with the admin's token. */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** Request to the edge with that Host; redirects are not followed, compressed bodies not decoded. */
  fetchHost(host: string, path: string, init?: FetchHostInit): Promise<Response>;
  /** Replaces top-level keys of the configuration and pushes it; resolves to the new version. */
  push(overrides: Table): Promise<number>;
  /** Kills workerd (SIGKILL); the edge stays down. */
  killEdge(): Promise<void>;
  /** Starts the edge again on the same port with the same state, stopping it first if it runs. */
  restartEdge(): Promise<void>;
  /** Stops the relay and starts it on the same ports. */
  restartRelay(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything and waits until the edge is ready. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const stateDir = await mkdtemp(join(tmpdir(), "causeway-product-"));
  await buildEdgeIfStale();
  const demo = await startDemo({ host: "127.0.0.1", port: 0 });
  const secrets = await localSecrets(stateDir, ["ADMIN_TOKEN", "ROOT_KEY", "FRONT_SECRET"]);
  const product = new RunningProduct(stateDir, demo, secrets, options);
  try {
    const overrides = typeof options.config === "function" ? options.config(demo.url) : options.config;
    await product.start({ ...overrides }, options.relay);
  } catch (error) {
    await product.stop();
    throw error;
  }
  return product;
}

class RunningProduct implements Product {
  readonly stateDir: string;
  readonly #demo: Demo;
  readonly #secrets: Readonly<Record<string, string>>;
  readonly #options: ProductOptions;
  #raw: Table = {};
  #edge: Edge | undefined;
  #edgePort = 0;
  #relay: LinkedRelay | undefined;
  #relayConfig: RelayConfig | undefined;

  constructor(
    stateDir: string,
    demo: Demo,
    secrets: Readonly<Record<string, string>>,
    options: ProductOptions,
  ) {
    this.stateDir = stateDir;
    this.#demo = demo;
    this.#secrets = secrets;
    this.#options = options;
  }

  async start(overrides: Table, relay: Table | undefined): Promise<void> {
    await this.#startEdge();
    const defaults = defaultConfig(this.#demo.url, this.edge);
    this.#raw = { ...defaults, relay: { ...defaults.relay, ...relay }, ...overrides };
    await this.push({});
    await untilReady(this.edge);
    await this.#startRelay();
  }

  get edge(): string {
    return `http://127.0.0.1:${this.#edgePort}`;
  }

  get demo(): string {
    return this.#demo.url;
  }

  get proxyPort(): number {
    return this.proxyPorts[0] ?? 0;
  }

  get proxyPorts(): readonly number[] {
    return this.#relay?.inbounds.map(({ port }) => port) ?? [];
  }

  get adminToken(): string {
    return this.#secrets.ADMIN_TOKEN ?? "";
  }

  get edgePid(): number | undefined {
    return this.#edge?.pid;
  }

  api(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${this.adminToken}`);
    return fetch(`${this.edge}${path}`, { redirect: "manual", ...init, headers });
  }

  fetchHost(host: string, path: string, init: FetchHostInit = {}): Promise<Response> {
    return fetchHost(this.#edgePort, host, path, init);
  }

  push(overrides: Table): Promise<number> {
    this.#raw = { ...this.#raw, ...overrides };
    return pushLocally(this.#raw, {
      edge: this.edge,
      adminToken: this.adminToken,
      rootKey: this.#secrets.ROOT_KEY,
      env: process.env,
    });
  }

  async killEdge(): Promise<void> {
    const pid = this.#edge?.pid;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    // Miniflare would start it again.
    await this.#edge?.stop();
    this.#edge = undefined;
  }

  async restartEdge(): Promise<void> {
    await this.#edge?.stop();
    await onceFree(() => this.#startEdge());
    await untilReady(this.edge);
  }

  async restartRelay(): Promise<void> {
    await this.#relay?.stop();
    await onceFree(() => this.#startRelay());
  }

  async stop(): Promise<void> {
    await this.#relay?.stop();
    await this.#edge?.stop();
    await this.#demo.stop();
    await rm(this.stateDir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #startEdge(): Promise<void> {
    this.#edge = await startEdge({
      host: "127.0.0.1",
      port: this.#edgePort,
      stateDir: this.stateDir,
      vars: this.#secrets,
      ...(this.#options.bucket ? { buckets: { SEGMENTS: "segments" } } : {}),
      onLog: (level, message) => {
        this.#options.onLog?.(level, message);
        if (process.env.CAUSEWAY_TEST_LOG !== undefined) process.stderr.write(`edge ${level}: ${message}\n`);
      },
    });
    this.#edgePort = this.#edge.port;
  }

  async #startRelay(): Promise<void> {
    this.#relayConfig ??= parseRelay(this.#raw);
    if (this.#relayConfig === undefined) return;
    const level = process.env.CAUSEWAY_TEST_LOG === undefined ? "silent" : "debug";
    this.#relay = await startLinkedRelay(this.#relayConfig, { log: pino({ level }), version: "0.0.0-test" });
    this.#relayConfig = withPorts(this.#relayConfig, this.#relay);
  }
}

/** Starts again on ports that were free ones: until then an outgoing connection of anybody's may have one for a moment. */
async function onceFree(start: () => Promise<void>, deadline = Date.now() + 10_000): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (!(error instanceof PortTakenError) || Date.now() > deadline) throw error;
    await delay(100);
    await onceFree(start, deadline);
  }
}

function defaultConfig(demo: string, edge: string): Table & { readonly relay: Table } {
  return {
    hosts: [
      { host: "demo.localhost", upstreams: [demo] },
      { host: "echo.localhost", upstreams: [demo] },
      { host: "raw.localhost", upstreams: [demo], meter: false, websocket: { meter: false } },
    ],
    channels: [{ id: "ch_demo", name: "Demo channel", group: "Demo", sources: [`${demo}/live/index.m3u8`] }],
    relays: [{ name: "main", token: RELAY_TOKEN }],
    relay: {
      name: "main",
      edge: edge.replace("http", "ws"),
      edge_token: RELAY_TOKEN,
      drain_timeout: "0s",
      inbounds: [{ kind: "mixed", listen: "127.0.0.1:0", auth: "none" }],
    },
  };
}

function parseRelay(raw: Table): RelayConfig | undefined {
  const parsed = parseConfig(raw);
  if (parsed.ok) return parsed.config.relay;
  throw new Error(`The test's configuration is wrong: ${parsed.problems.map(formatProblem).join("; ")}`);
}

/** The ports that free ones turned out to be, so that a restart keeps them. */
function withPorts(config: RelayConfig, relay: LinkedRelay): RelayConfig {
  const inbounds = config.inbounds.map((inbound, index) => ({
    ...inbound,
    listen: inbound.listen.replace(/:0$/, `:${relay.inbounds[index]?.port ?? 0}`),
  }));
  return { ...config, inbounds };
}

/** Node's fetch cannot set Host and decodes bodies; tests of a proxy need both as they are. */
async function fetchHost(port: number, host: string, path: string, init: FetchHostInit): Promise<Response> {
  const { method = "GET", headers = {}, body, signal } = init;
  const outgoing = request({
    host: "127.0.0.1",
    port,
    path,
    method,
    headers: { ...headers, host },
    ...(signal === undefined ? {} : { signal }),
  });
  if (body instanceof Readable) body.pipe(outgoing);
  else outgoing.end(body);
  const [reply] = (await once(outgoing, "response")) as [IncomingMessage];
  // An edge that refuses an upload closes its connection: what counts is the reply, which is here.
  outgoing.on("error", () => undefined);
  const status = reply.statusCode ?? 0;
  const isEmpty = method === "HEAD" || [204, 205, 304].includes(status);
  if (isEmpty) reply.resume();
  return new Response(isEmpty ? null : (Readable.toWeb(reply) as ReadableStream<Uint8Array>), {
    status,
    statusText: reply.statusMessage ?? "",
    headers: headerPairs(reply),
  });
}

function headerPairs({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return pairs;
}
