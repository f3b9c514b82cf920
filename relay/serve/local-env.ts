// The environment a configuration is read with on this machine: tokens that connect its own parts and are not set are
// made, so that the local default runs without any preparation.

import { readFile } from "node:fs/promises";
import { parse } from "smol-toml";
import { localSecrets } from "./secrets.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `env` with the missing tokens of the configuration file added; they are kept in `stateDir`. */
export async function localEnvironment(
  path: string,
  stateDir: string,
  env: Environment,
): Promise<Environment> {
  const missing = tokenVariables(await readToml(path)).filter((name) => env[name] === undefined);
  return missing.length === 0 ? env : { ...env, ...(await localSecrets(stateDir, missing)) };
}

/** A file that cannot be read has no tokens here; whoever loads it afterwards says what is wrong with it. */
async function readToml(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Variables of the control link's token and of the ingress's key, whose ends are both on this machine, and of what the edge
 * itself hands out: keys of signed addresses, and secrets in subscribers' addresses. Passwords are never made up.
 */
export function tokenVariables(raw: unknown): string[] {
  const { relays, relay, viewers, edge } = asTable(raw);
  const links = asList(relays).map(asTable);
  const inbounds = asList(asTable(relay).inbounds).map(asTable);
  const tokens = [
    asTable(relay).edge_token,
    asTable(relay).admin_token,
    ...links.flatMap(({ token, key }) => [token, key]),
    ...inbounds.map(({ key }) => key),
    ...asList(viewers).map((viewer) => asTable(viewer).token),
    ...asList(asTable(edge).signing_keys).map((signing) => asTable(signing).key),
  ];
  const names = tokens.map((token) => /^env:([A-Za-z_]\w*)$/.exec(String(token))?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

function asTable(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
