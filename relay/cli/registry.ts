// Every command of the CLI, in the order of its help. A command is loaded when it is needed: `causeway hash`
// must not pay for workerd and esbuild.

import type { AnyCommand } from "./command.ts";

/** Loads a command's module. */
type LoadCommand = () => Promise<{ readonly command: AnyCommand }>;

export const COMMANDS: Readonly<Record<string, LoadCommand>> = {
  start: () => import("./start.ts"),
  relay: () => import("./relay.ts"),
  client: () => import("./client.ts"),
  demo: () => import("./demo.ts"),
  push: () => import("./push.ts"),
  check: () => import("./check.ts"),
  login: () => import("./login.ts"),
  sign: () => import("./sign.ts"),
  stats: () => import("./stats.ts"),
  hash: () => import("./hash.ts"),
  keygen: () => import("./keygen.ts"),
  "config-docs": () => import("./config-docs.ts"),
};

/** Commands to which SIGHUP says that they are to read their configuration again; it ends the others. */
export const RELOADING: readonly string[] = ["relay"];

/** Loads one command by name; undefined if there is none. */
export async function loadCommand(name: string): Promise<AnyCommand | undefined> {
  if (!Object.hasOwn(COMMANDS, name)) return undefined;
  return (await COMMANDS[name]?.())?.command;
}

/** Loads all commands, for the overview. */
export async function loadAllCommands(): Promise<AnyCommand[]> {
  const modules = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return modules.map(({ command }) => command);
}
