// `causeway check`: reads the configuration and reports everything that is wrong with it.

import { EXIT_CONFIG, readConfigFile } from "../config-file.ts";
import { defineCommand } from "./command.ts";
import { counted } from "./counted.ts";
import { configOption } from "./options.ts";

export const command = defineCommand({
  name: "check",
  summary: "Check the configuration file",
  usage: "[options]",
  details:
    "Every problem is printed with its path, the value given and what would be legal; the exit code is then 2.",
  options: {
    config: configOption("The file to check."),
  },
  async run({ options }, io) {
    const file = await readConfigFile(options.config);
    if (!file.ok) {
      for (const line of file.lines) io.err(line);
      return EXIT_CONFIG;
    }
    const { hosts, channels, relay } = file.config;
    const listeners = relay?.inbounds.length ?? 0;
    io.out(
      `${options.config} is valid: ${counted(hosts.length, "host")}, ${counted(channels.length, "channel")}, ${counted(listeners, "listener")}`,
    );
    return 0;
  },
});
