// The secrets with which an operator's commands reach an edge: from the environment, and for an edge on this machine from
// what `causeway start` keeps, too.

import { isLoopbackHost } from "../../shared/net/loopback.ts";
import { readSecrets } from "../serve/secrets.ts";
import { type CommandIo, UsageError } from "./command.ts";

export const ADMIN_TOKEN = "CAUSEWAY_ADMIN_TOKEN";
export const ROOT_KEY = "CAUSEWAY_ROOT_KEY";

/** `env`, completed by the secrets in `stateDir` where `edge` is on loopback: nothing of them goes elsewhere. */
export async function operatorEnvironment(
  edge: string,
  stateDir: string,
  env: CommandIo["env"],
): Promise<CommandIo["env"]> {
  if (!isLoopbackHost(new URL(edge).hostname)) return env;
  const { ADMIN_TOKEN: adminToken, ROOT_KEY: rootKey, ...tokens } = await readSecrets(stateDir);
  return { ...tokens, [ADMIN_TOKEN]: adminToken, [ROOT_KEY]: rootKey, ...env };
}

/** @throws {UsageError} when there is none. */
export function adminTokenOf(env: CommandIo["env"]): string {
  const token = env[ADMIN_TOKEN];
  if (token) return token;
  throw new UsageError(
    `No admin token: set the environment variable ${ADMIN_TOKEN}, or for an edge on this machine name the state directory of "causeway start" by --state`,
  );
}
