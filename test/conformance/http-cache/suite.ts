// The public suite http-cache-tests as this runner uses it: its origin server as a process, its client as a function.
// It is untyped JavaScript made for its own command line, so what is used of it is described here.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const MANIFEST = require.resolve("http-cache-tests/package.json");
const FOLDER = dirname(MANIFEST);

/** One test of the suite. */
export interface SuiteTest {
  readonly id: string;
  readonly name: string;
  /** A test without a kind is a required one. */
  readonly kind?: "required" | "optimal" | "check";
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
  /** Prints what both sides saw. */
  dump?: boolean;
}

interface TestGroup {
  readonly id: string;
  readonly tests: SuiteTest[];
}

/** True, or the kind of failure and what was wrong. */
export type SuiteResult = true | readonly [kind: string, message: string];

interface Client {
  runTests(groups: TestGroup[], fetch: unknown, browserCache: boolean, base: string): Promise<void>;
  getResults(): Record<string, SuiteResult>;
}

async function load<T>(path: string): Promise<T> {
  return (await import(pathToFileURL(join(FOLDER, path)).href)) as T;
}

/** Every group of tests that applies to a shared cache, as the suite's own command line takes them. */
async function groups(): Promise<TestGroup[]> {
  const all = await load<{ default: TestGroup[] }>("tests/index.mjs");
  const surrogate = await load<{ default: TestGroup }>("tests/surrogate-control.mjs");
  return [...all.default, surrogate.default];
}

export interface Origin {
  /** Base URL without a final slash. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the suite's origin server on a free port. */
export async function startOrigin(): Promise<Origin> {
  const folder = await mkdtemp(join(tmpdir(), "causeway-cache-suite-"));
  const child = spawn(process.execPath, ["server/server.mjs"], {
    cwd: FOLDER,
    env: {
      ...process.env,
      npm_config_protocol: "http",
      npm_config_port: "0",
      npm_config_pidfile: join(folder, "pid"),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await listening(child);
  return {
    url,
    async stop() {
      child.kill();
      await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error("The suite's origin has no output");
  const lines = createInterface({ input: child.stdout });
  const found = new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      const port = /^Listening on .*:(\d+)\//.exec(line)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
      // What the suite says of a test that asked for a dump, and its warnings.
      else process.stderr.write(`origin: ${line}\n`);
    });
    child.once("exit", (code) => reject(new Error(`The suite's origin ended with status ${code}`)));
  });
  return found;
}

export interface Outcome {
  readonly tests: ReadonlyMap<string, SuiteTest>;
  readonly results: Readonly<Record<string, SuiteResult>>;
}

/** Runs the suite against `host`, served on 127.0.0.1:`port`; with `only` just that test, verbosely. */
export async function runSuite(host: string, port: number, only: string | undefined): Promise<Outcome> {
  const client = await load<Client>("client/runner.mjs");
  const fetch = createRequire(MANIFEST)("node-fetch") as (url: string, init: object) => Promise<unknown>;
  const agent = new Agent({
    keepAlive: true,
    // The host is a name of the configuration, not of any name server.
    lookup: (_name, options, callback) => {
      if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
      else callback(null, "127.0.0.1", 4);
    },
  });
  const all = await groups();
  const tests = new Map(all.flatMap((group) => group.tests.map((test) => [test.id, test])));
  const chosen = only === undefined ? all : all.map((group) => ({ ...group, tests: dumped(group, only) }));
  const request = (url: string, init: object): Promise<unknown> => fetch(url, { ...init, agent });
  await client.runTests(chosen, request, false, `http://${host}:${port}`);
  agent.destroy();
  return { tests, results: client.getResults() };
}

function dumped(group: TestGroup, id: string): SuiteTest[] {
  const found = group.tests.filter((test) => test.id === id);
  for (const test of found) test.dump = true;
  return found;
}
