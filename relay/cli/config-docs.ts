// `causeway config-docs`: prints the reference of causeway.toml.

import { renderConfigDocs } from "../../shared/config/docs.ts";
import { defineCommand } from "./command.ts";

export const command = defineCommand({
  name: "config-docs",
  summary: "Print the reference of the configuration file as Markdown",
  usage: "",
  options: {},
  run(_args, io) {
    io.out(renderConfigDocs().trimEnd());
    return Promise.resolve(0);
  },
});
