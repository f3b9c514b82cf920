// Reads causeway.toml: TOML, then the schema, then what "env:NAME" stands for in the relay's own part. Prints nothing and
// ends nothing; the commands do.

import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { type RawDocument, resolveSecrets } from "../shared/config/document.ts";
import { fieldBelow, ROOT_FIELD } from "../shared/config/inspect.ts";
import { parseConfig } from "../shared/config/parse.ts";
import { formatProblem, type Problem } from "../shared/config/problem.ts";
import type { Config } from "../shared/config/schema.ts";

/** The exit code of every command whose configuration has problems. */
export const EXIT_CONFIG = 2;

/** Used where no `--config` is given. */
export const DEFAULT_CONFIG_FILE = "causeway.toml";

/** A read file, or one line of text per problem. */
export type ConfigFileResult =
  | {
      readonly ok: true;
      /** The parsed file; the secrets in its [relay] are resolved, those of the edge's parts are as they stand there. */
      readonly config: Config;
      /** The file as it stands, for pushing. */
      readonly raw: RawDocument;
    }
  | { readonly ok: false; readonly lines: string[] };

/**
 * Loads the file at `path` for use by a relay: variables named in [relay] must be set. Print the lines of a failure to
 * standard error and exit with EXIT_CONFIG.
 */
export async function loadConfigFile(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConfigFileResult> {
  const file = await readConfigFile(path);
  if (!file.ok || file.raw.relay === undefined) return file;
  const relayField = fieldBelow(ROOT_FIELD, "relay", file.raw) ?? ROOT_FIELD;
  const resolved = await resolveSecrets(file.raw.relay, relayField, ["relay"], (name) => env[name]);
  if (resolved.problems.length > 0) return { ok: false, lines: problemLines(path, resolved.problems) };
  return validate(path, { ...file.raw, relay: resolved.part }, file.raw);
}

/** Reads and validates the file without looking at the environment. */
export async function readConfigFile(path: string): Promise<ConfigFileResult> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const reason = code === "ENOENT" ? "there is no such file" : code;
    return { ok: false, lines: [`Cannot read the configuration "${path}": ${reason}`] };
  }
  const text = textOf(bytes);
  if (text === undefined) return { ok: false, lines: [`${path}: not valid TOML: it is not UTF-8 text`] };
  try {
    const raw = parse(text) as RawDocument;
    return validate(path, raw, raw);
  } catch (error) {
    if (error instanceof TomlError) return { ok: false, lines: [syntaxLine(path, error)] };
    throw error;
  }
}

/** TOML is UTF-8; a decoder that mends what is none would change names without a word. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function validate(path: string, used: RawDocument, raw: RawDocument): ConfigFileResult {
  const parsed = parseConfig(used);
  if (parsed.ok) return { ok: true, config: parsed.config, raw };
  return { ok: false, lines: problemLines(path, parsed.problems) };
}

/** The library's message goes on with an excerpt of the file, in which a secret may stand. */
function syntaxLine(path: string, error: TomlError): string {
  const reason = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
  return `${path}:${error.line}:${error.column}: not valid TOML: ${reason}`;
}

/** A head line, then one line per problem. */
export function problemLines(subject: string, problems: readonly Problem[]): string[] {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return [`${subject}: ${count}`, ...problems.map((problem) => `  ${formatProblem(problem)}`)];
}
