// `causeway start`: the whole product on this machine, on loopback only.

import { once } from "node:events";
import { resolve } from "node:path";
import type { Config } from "../../shared/config/schema.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { EXIT_CONFIG, loadConfigFile } from "../config-file.ts";
import { buildEdgeIfStale } from "../serve/build.ts";
import { createLoginCode, loginLink } from "../serve/control-api.ts";
import { DEFAULT_PORTS } from "../serve/follow-ports.ts";
import { type Local, startLocal } from "../serve/local.ts";
import { localEnvironment } from "../serve/local-env.ts";
import { type Listener, SOCKS_KINDS, startSummary } from "../serve/summary.ts";
import { readVersion } from "../version.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { createLog, isLogged, type LogLevel, logLevelOption, parseLogLevel } from "./log.ts";
import { configOption, stateOption } from "./options.ts";
import { parsePort } from "./port.ts";

export const command = defineCommand({
  name: "start",
  summary: "Run everything on this machine: the edge, the relay and a demo origin",
  usage: "[options]",
  details: [
    "Builds the edge if its sources have changed, makes local secrets at the first start, sends the configuration",
    "to the edge, and prints what listens where. Nothing listens beyond loopback unless an inbound of the",
    "configuration says so. Ctrl-C stops everything in order, a second one at once.",
    "With ports other than the default, http://127.0.0.1:8085 and ws://127.0.0.1:8787 in the configuration follow.",
  ].join("\n"),
  options: {
    config: configOption("The configuration."),
    "edge-port": {
      type: "string",
      value: "PORT",
      fallback: `${DEFAULT_PORTS.edge}`,
      env: "CAUSEWAY_EDGE_PORT",
      doc: "Port of the edge; 0 takes a free one.",
    },
    "demo-port": {
      type: "string",
      value: "PORT",
      fallback: `${DEFAULT_PORTS.demo}`,
      env: "CAUSEWAY_DEMO_PORT",
      doc: "Port of the demo origin; 0 takes a free one.",
    },
    "no-demo": { type: "boolean", doc: "Run no demo origin." },
    state: stateOption("Where secrets, the edge's storage and its cache are kept."),
    "log-level": logLevelOption("warn"),
  },
  async run({ options }, io) {
    const edgePort = parsePort("--edge-port", options["edge-port"]);
    const demoPort = options["no-demo"] ? undefined : parsePort("--demo-port", options["demo-port"]);
    const logLevel = parseLogLevel(options["log-level"]);
    const stateDir = resolve(options.state);
    const env = await localEnvironment(options.config, stateDir, io.env);
    const file = await loadConfigFile(options.config, env);
    if (!file.ok) {
      for (const line of file.lines) io.err(line);
      return EXIT_CONFIG;
    }
    const version = readVersion();
    io.out(`Causeway ${version}`);
    if (await buildEdgeIfStale()) io.out("Built the edge");
    const local = await startLocal({
      file,
      env,
      stateDir,
      edgePort,
      demoPort,
      relayDeps: { log: createLog(logLevel), version },
      onStep: io.out,
      onEdgeLog: (level, message) => printEdgeLog(level, message, logLevel, io),
    });
    return runUntilStopped(local, file.config, options.state, io);
  },
});

async function runUntilStopped(
  local: Local,
  config: Config,
  stateDir: string,
  io: CommandIo,
): Promise<number> {
  let problems: string[] = [];
  try {
    io.out(`\n${await summarise(local, config, stateDir)}\n`);
    if (!io.signal.aborted) await once(io.signal, "abort");
    io.out("Stopping (Ctrl-C again stops at once)");
  } finally {
    problems = await local.stop();
  }
  for (const problem of problems) io.err(problem);
  io.out("Stopped");
  return problems.length === 0 ? 0 : 1;
}

async function summarise(local: Local, config: Config, stateDir: string): Promise<string> {
  const { edge, demo, relay, adminToken } = local;
  return startSummary({
    config,
    edgeUrl: edge.url,
    demoUrl: demo?.url,
    listeners: listeners(local),
    proxy: relay?.inbounds
      .filter(({ kind }) => SOCKS_KINDS.includes(kind))
      .map(({ address, port }) => formatAuthority(address, port))[0],
    loginLink: loginLink(edge.url, await createLoginCode(edge.url, adminToken)),
    stateDir,
  });
}

function listeners({ edge, demo, relay }: Local): Listener[] {
  return [
    { what: "edge: dashboard, hosts, channels", address: edge.url, setting: "--edge-port" },
    ...(relay?.inbounds ?? []).map(({ kind, address, port, setting }) => ({
      what: `relay: ${INBOUNDS[kind] ?? kind}`,
      address: formatAuthority(address, port),
      setting,
    })),
    ...(relay?.admin === undefined
      ? []
      : [
          {
            what: "relay: admin API",
            address: formatAuthority(relay.admin.address, relay.admin.port),
            setting: "relay.admin",
          },
        ]),
    ...(demo === undefined ? [] : [{ what: "demo origin", address: demo.url, setting: "--demo-port" }]),
  ];
}

const INBOUNDS: Readonly<Record<string, string>> = {
  mixed: "SOCKS and HTTP proxy",
  socks: "SOCKS proxy",
  http: "HTTP proxy",
  tcp: "TCP forward",
  udp: "UDP forward",
  ingress: "ingress for the edge",
};

/** What the edge logs counts as the same levels as the relay's: only what is asked for is printed. */
function printEdgeLog(level: string, message: string, wanted: LogLevel, io: CommandIo): void {
  if (isLogged(level, wanted)) io.err(`edge: ${message}`);
}
