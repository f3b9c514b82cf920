// What a command of the CLI is: declared options from which parsing, checking and `--help` all follow.
// Knows no command and never ends the process.

import { parseArgs } from "node:util";
import type { Terminal } from "../watch/screen.ts";

/** One `--name` of a command. */
interface OptionSpec {
  readonly type: "string" | "boolean";
  /** One letter, for `-x`. */
  readonly short?: string;
  /** What the value stands for in help, as in `PORT`; strings only. */
  readonly value?: string;
  /** Used when neither the option nor its environment variable is given; strings only. */
  readonly fallback?: string;
  /** Environment variable that is read when the option is absent; strings only. */
  readonly env?: string;
  /** One line of help. */
  readonly doc: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type OptionValue<S extends OptionSpec> = S["type"] extends "boolean"
  ? boolean
  : S extends { readonly fallback: string }
    ? string
    : string | undefined;

/** A command's parsed arguments: every declared option by name, and what was left over in order. */
export interface CommandArgs<O extends OptionSpecs = OptionSpecs> {
  readonly options: { readonly [K in keyof O]: OptionValue<O[K]> };
  readonly positionals: readonly string[];
}

/** The outside world as a command sees it, so that tests can run commands in process. */
export interface CommandIo {
  /** Writes one line to standard output. */
  out(line: string): void;
  /** Writes one line to standard error. */
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at the first SIGINT or SIGTERM: the command then stops in order and returns. */
  readonly signal: AbortSignal;
  /** Has `listener` called at each SIGHUP, and for those that have come by now. Absent: SIGHUP ends the program. */
  onHangup?(listener: () => void): void;
  /** What standard output is, when it is a terminal. */
  readonly terminal?: Terminal | undefined;
  /** A secret from standard input, which must not stand on the command line; `prompt` is shown to a person who types it. */
  readSecret(prompt: string): Promise<string>;
}

/** A command: `run` resolves to the exit code (0 done, 1 failed, 2 wrong usage or configuration). */
export interface Command<O extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows `causeway NAME` in help, as in `[options]` or `[options] FILE`. */
  readonly usage: string;
  readonly options: O;
  /** Further paragraphs of help. */
  readonly details?: string;
  /** How many positional arguments are taken at most; none when absent. */
  readonly positionalsMax?: number;
  run(args: CommandArgs<O>, io: CommandIo): Promise<number>;
}

/** A command whose option types are no longer known, as the registry holds it. */
export interface AnyCommand extends Omit<Command, "run"> {
  run(args: CommandArgs<never>, io: CommandIo): Promise<number>;
}

/** Wrong usage: the caller prints the message and exits with 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Declares a command; `run` sees its options typed. */
export function defineCommand<const O extends OptionSpecs>(command: Command<O>): Command<O> {
  return command;
}

/**
 * Reads a command's arguments.
 * @throws {UsageError} for an unknown option, a missing or superfluous value, or too many arguments.
 */
export function parseCommandArgs(
  command: AnyCommand,
  argv: readonly string[],
  env: CommandIo["env"],
): CommandArgs {
  const { values, positionals } = parseStrictly(command, argv);
  const positionalsMax = command.positionalsMax ?? 0;
  if (positionals.length > positionalsMax) {
    throw new UsageError(`Unexpected argument "${positionals[positionalsMax]}"`);
  }
  const options: Record<string, string | boolean | undefined> = {};
  for (const [name, spec] of Object.entries(command.options)) {
    const given = values[name];
    if (spec.type === "boolean") {
      options[name] = given === true;
    } else {
      const fromEnv = spec.env === undefined ? undefined : env[spec.env];
      options[name] = typeof given === "string" ? given : (fromEnv ?? spec.fallback);
    }
  }
  return { options: options as CommandArgs["options"], positionals };
}

function parseStrictly(command: AnyCommand, argv: readonly string[]) {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [name, { type, short }] of Object.entries(command.options)) {
    options[name] = short === undefined ? { type } : { type, short };
  }
  try {
    return parseArgs({
      args: withDashedValues(command, argv),
      options,
      strict: true,
      allowPositionals: true,
    });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(firstSentence(error.message));
    throw error;
  }
}

/** Keys in base64url may begin with a dash: behind an option that takes a value stands that, unless it looks like an option. */
function withDashedValues(command: AnyCommand, argv: readonly string[]): string[] {
  const args: string[] = [];
  for (const arg of argv) {
    const before = args.at(-1) ?? "";
    const takesValue = before.startsWith("--") && command.options[before.slice(2)]?.type === "string";
    if (takesValue && !args.includes("--") && /^-[^-]{2,}/.test(arg))
      args[args.length - 1] = `${before}=${arg}`;
    else args.push(arg);
  }
  return args;
}

/** parseArgs adds advice about `--` that only fits commands with positional arguments. */
function firstSentence(message: string): string {
  return message.split(/\. |\n/)[0]?.replace(/\.$/, "") ?? message;
}

/** The complete help of one command. */
export function commandHelp(command: AnyCommand): string {
  const lines = [`Usage: causeway ${command.name} ${command.usage}`.trimEnd(), "", `${command.summary}.`];
  if (command.details !== undefined) lines.push("", command.details);
  const rows = Object.entries(command.options).map(([name, spec]) => optionRow(name, spec));
  rows.push(["-h, --help", "Print this help."]);
  const width = Math.max(...rows.map(([left]) => left.length));
  lines.push("", "Options:", ...rows.map(([left, doc]) => `  ${left.padEnd(width)}  ${doc}`));
  return lines.join("\n");
}

function optionRow(name: string, spec: OptionSpec): [string, string] {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  const value = spec.type === "string" ? ` ${spec.value ?? "VALUE"}` : "";
  const notes = [
    ...(spec.fallback === undefined ? [] : [`default: ${spec.fallback}`]),
    ...(spec.env === undefined ? [] : [`environment: ${spec.env}`]),
  ];
  return [`${short}--${name}${value}`, notes.length === 0 ? spec.doc : `${spec.doc} (${notes.join("; ")})`];
}

/** The overview: every command with its summary. */
export function overviewHelp(commands: readonly AnyCommand[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "Usage: causeway COMMAND [options]",
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "Options:",
    "  -h, --help     Print this help; after a command, that command's.",
    "  -v, --version  Print the version.",
  ].join("\n");
}
