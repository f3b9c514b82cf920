// `causeway relay`: only the relay of a configuration file, as it runs in production.

import { once } from "node:events";
import { formatAuthority } from "../../shared/net/address.ts";
import { EXIT_CONFIG, loadConfigFile } from "../config-file.ts";
import { startLinkedRelay } from "../serve/linked-relay.ts";
import { readVersion } from "../version.ts";
import { defineCommand } from "./command.ts";
import { createLog, logLevelOption, parseLogLevel } from "./log.ts";
import { configOption } from "./options.ts";

export const command = defineCommand({
  name: "relay",
  summary: "Run the relay of a configuration file",
  usage: "[options]",
  details: [
    "SIGTERM and SIGINT stop accepting and wait for open connections, at most relay.drain_timeout; a second signal",
    'ends at once. Secrets written as "env:NAME" are read from the environment.',
  ].join("\n"),
  options: {
    config: configOption("The configuration."),
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
    const relay = await startLinkedRelay(file.config.relay, {
      log: createLog(level),
      version: readVersion(),
    });
    for (const { kind, address, port } of relay.inbounds) {
      io.out(`The ${kind} inbound listens on ${formatAuthority(address, port)}`);
    }
    if (!io.signal.aborted) await once(io.signal, "abort");
    await relay.stop();
    return 0;
  },
});
