// `causeway relay`: only the relay of a configuration file, as it runs in production.

import { once } from "node:events";
import type { Logger } from "pino";
import type { RelayConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { EXIT_CONFIG, loadConfigFile } from "../config-file.ts";
import { type LinkedRelay, startLinkedRelay } from "../serve/linked-relay.ts";
import { readVersion } from "../version.ts";
import { type CommandIo, defineCommand } from "./command.ts";
import { counted } from "./counted.ts";
import { createLog, logLevelOption, parseLogLevel } from "./log.ts";
import { configOption } from "./options.ts";

export const command = defineCommand({
  name: "relay",
  summary: "Run the relay of a configuration file",
  usage: "[options]",
  details: [
    "SIGTERM and SIGINT stop accepting and wait for open connections, at most relay.drain_timeout; a second signal",
    'ends at once. Secrets written as "env:NAME" are read from the environment. SIGHUP reads the configuration again and',
    "takes over inbounds, users, limits, outbounds, rules and DNS without dropping connections; a configuration with",
    "problems is refused as a whole, and the former one stays. With --check nothing is started: the exit code says",
    "whether this file, with this environment, would be taken, as before a restart or a SIGHUP.",
  ].join("\n"),
  options: {
    config: configOption("The configuration."),
    check: { type: "boolean", doc: "Check the configuration and its secrets, and end." },
    "log-level": logLevelOption("info"),
  },
  async run({ options }, io) {
    const level = parseLogLevel(options["log-level"]);
    const file = await loadConfigFile(options.config, io.env);
    if (!file.ok) {
      for (const line of file.lines) io.err(line);
      return EXIT_CONFIG;
    }
    if (file.config.relay === undefined) {
      io.err(`${options.config}: 1 problem\n  relay: nothing: expected the table [relay]`);
      return EXIT_CONFIG;
    }
    if (options.check) return report(options.config, file.config.relay, io);
    const log = createLog(level);
    const relay = await startLinkedRelay(file.config.relay, {
      log,
      version: readVersion(),
      reload: () => reload(),
    });
    const reload = reloading(relay, options.config, { env: io.env, log });
    io.onHangup?.(() => void reload().catch(() => undefined));
    for (const { kind, address, port } of relay.inbounds) {
      io.out(`The ${kind} inbound listens on ${formatAuthority(address, port)}`);
    }
    if (relay.admin !== undefined)
      io.out(`The admin API listens on ${formatAuthority(relay.admin.address, relay.admin.port)}`);
    if (!io.signal.aborted) await once(io.signal, "abort");
    await relay.stop();
    return 0;
  },
});

/** Says what a valid configuration has; nothing is opened, because a running relay may hold it all. */
function report(path: string, { inbounds, users, outbounds, rules }: RelayConfig, io: CommandIo): number {
  const counts = [
    counted(inbounds.length, "inbound"),
    counted(users.length, "user"),
    counted(outbounds.length, "outbound"),
    counted(rules.length, "rule"),
  ];
  io.out(`${path} is valid: ${counts.join(", ")}`);
  if (inbounds.length === 0) io.err(`${path}: relay.inbounds is empty: nobody can connect`);
  return 0;
}

interface ReloadingOptions {
  readonly env: CommandIo["env"];
  readonly log: Pick<Logger, "info" | "error">;
}

/** Reads the file at `path` again and takes it over, one time after the other; rejects, after logging, when it cannot. */
function reloading(relay: LinkedRelay, path: string, { env, log }: ReloadingOptions): () => Promise<object> {
  let turn: Promise<unknown> = Promise.resolve();
  return () => {
    const next = turn
      .then(() => reloadOnce(relay, path, env))
      .then(
        (report) => {
          log.info({ event: "config_reloaded", ...report });
          return report;
        },
        (error: unknown) => {
          log.error({ event: "config_refused", why: error instanceof Error ? error.message : String(error) });
          throw error;
        },
      );
    turn = next.catch(() => undefined);
    return next;
  };
}

async function reloadOnce(relay: LinkedRelay, path: string, env: CommandIo["env"]): Promise<object> {
  const file = await loadConfigFile(path, env);
  if (!file.ok) throw new CausewayError("config_invalid", file.lines.join("\n"));
  if (file.config.relay === undefined)
    throw new CausewayError("config_invalid", `${path}: there is no table [relay]`);
  return relay.reload(file.config.relay);
}
