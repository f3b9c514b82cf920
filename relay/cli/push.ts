// `causeway push`: sends causeway.toml to the edge, where it takes effect within 5 s.

import { EXIT_CONFIG, problemLines, readConfigFile } from "../config-file.ts";
import { type PreparedDocument, prepareDocument, pushDocument } from "../config-push.ts";
import { type CommandIo, defineCommand, UsageError } from "./command.ts";
import { ADMIN_TOKEN, adminTokenOf, operatorEnvironment, ROOT_KEY } from "./operator-secrets.ts";
import { configOption, EDGE_OPTION, edgeUrl, stateOption } from "./options.ts";

export const command = defineCommand({
  name: "push",
  summary: "Send the configuration to the edge",
  usage: "[options]",
  details: [
    `Takes two secrets from the environment: ${ADMIN_TOKEN}, the edge's ADMIN_TOKEN, and ${ROOT_KEY},`,
    "its ROOT_KEY, under which the file's secrets are sealed before they leave this machine. Tokens leave it",
    "as SHA-256 verifiers, and the table [relay] never does. For an edge on this machine, what the environment",
    'does not name is read from the state directory of "causeway start". Addresses go as the file has them: only',
    '"causeway start" lets those of the demo origin follow a port that its options move.',
  ].join("\n"),
  options: {
    config: configOption("The file to send."),
    edge: EDGE_OPTION,
    state: stateOption('State directory of "causeway start".'),
    "dry-run": { type: "boolean", doc: "Validate and resolve everything, but send nothing." },
    "if-version": { type: "string", value: "N", doc: "Push only if N is the edge's current version." },
  },
  async run({ options }, io) {
    const edge = edgeUrl(options.edge);
    const ifVersion = versionNumber(options["if-version"]);
    const file = await readConfigFile(options.config);
    if (!file.ok) return fail(io, file.lines, EXIT_CONFIG);
    const env = await operatorEnvironment(edge, options.state, io.env);
    const prepared = await prepare(file.raw, env);
    if (!prepared.ok) return fail(io, problemLines(options.config, prepared.problems), EXIT_CONFIG);
    if (options["dry-run"]) {
      io.out(`${options.config} is valid; nothing was sent`);
      return 0;
    }
    const result = await pushDocument(prepared.document, {
      edge,
      adminToken: adminTokenOf(env),
      signal: io.signal,
      ...(ifVersion === undefined ? {} : { ifVersion }),
    });
    if (result.ok) {
      io.out(`Pushed ${options.config} to ${edge}: version ${result.version}, in effect within 5 s`);
      return 0;
    }
    const isInvalid = result.problems.length > 0;
    return fail(
      io,
      isInvalid ? problemLines(result.message, result.problems) : [result.message],
      isInvalid ? 2 : 1,
    );
  },
});

async function prepare(
  raw: Readonly<Record<string, unknown>>,
  env: CommandIo["env"],
): Promise<PreparedDocument> {
  try {
    return await prepareDocument(raw, { rootKey: env[ROOT_KEY] || undefined, env });
  } catch (error) {
    if (error instanceof RangeError)
      throw new UsageError(`${error.message}: set ${ROOT_KEY} to the edge's ROOT_KEY`);
    throw error;
  }
}

function fail(io: CommandIo, lines: readonly string[], code: number): number {
  for (const line of lines) io.err(line);
  return code;
}

function versionNumber(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new UsageError(`Cannot read --if-version "${text}": expected a number`);
}
