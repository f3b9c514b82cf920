// Runs one command line to its exit code: finds the command, prints help, reports errors in one way.
// Ends no process and installs no signal handler.

import {
  type AnyCommand,
  type CommandArgs,
  type CommandIo,
  commandHelp,
  overviewHelp,
  parseCommandArgs,
  UsageError,
} from "./command.ts";
import { COMMANDS, loadAllCommands, loadCommand } from "./registry.ts";

/** As shells report a program that Ctrl-C has ended. */
export const EXIT_INTERRUPTED = 130;

/** Runs `argv` (without node and script) and resolves to the exit code. */
export async function runCommandLine(
  argv: readonly string[],
  io: CommandIo,
  version: string,
): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    return printHelp(rest[0], first === undefined, io);
  }
  if (first === "--version" || first === "-v") {
    io.out(version);
    return 0;
  }
  const command = await loadCommand(first);
  if (command === undefined) return reportUnknownCommand(first, io);
  if (asksForHelp(rest)) {
    io.out(commandHelp(command));
    return 0;
  }
  return runCommand(command, rest, io);
}

async function runCommand(command: AnyCommand, argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const args = parseCommandArgs(command, argv, io.env);
    return await command.run(args as CommandArgs<never>, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`causeway ${command.name}: ${error.message}`);
      io.err(`Run "causeway ${command.name} --help" for its options`);
      return 2;
    }
    if (io.signal.aborted && error instanceof Error && error.name === "AbortError") return EXIT_INTERRUPTED;
    io.err(`causeway ${command.name}: ${error instanceof Error ? error.message : String(error)}`);
    if (io.env.CAUSEWAY_DEBUG !== undefined && error instanceof Error && error.stack !== undefined) {
      io.err(error.stack);
    }
    return 1;
  }
}

/** After `--` nothing is an option any more. */
function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

async function printHelp(topic: string | undefined, asError: boolean, io: CommandIo): Promise<number> {
  if (topic !== undefined && !topic.startsWith("-")) {
    const command = await loadCommand(topic);
    if (command === undefined) return reportUnknownCommand(topic, io);
    io.out(commandHelp(command));
    return 0;
  }
  const help = overviewHelp(await loadAllCommands());
  if (!asError) {
    io.out(help);
    return 0;
  }
  io.err(help);
  return 2;
}

function reportUnknownCommand(name: string, io: CommandIo): number {
  const kind = name.startsWith("-") ? "option" : "command";
  io.err(`causeway: Unknown ${kind} "${name}": expected one of ${Object.keys(COMMANDS).join(", ")}`);
  io.err('Run "causeway --help" for an overview');
  return 2;
}
