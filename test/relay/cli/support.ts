// Runs a command line in process and keeps what it printed.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommandLine } from "../../../relay/cli/run.ts";

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `argv` as `causeway` would; nothing of this process's environment or input is seen. */
export async function run(
  argv: readonly string[],
  given: { env?: Record<string, string>; input?: string } = {},
): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommandLine(
    argv,
    {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      env: given.env ?? {},
      signal: new AbortController().signal,
      readSecret: () => Promise.resolve(given.input ?? ""),
    },
    "0.0.0",
  );
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** A configuration file of its own for one test; `use` gets its path. */
export function withFile<T>(text: string | Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  return withFolder("causeway.toml", text, (folder) => use(join(folder, "causeway.toml")));
}

/** A state directory as `causeway start` leaves it; `use` gets its path. */
export function withState<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const secrets = {
    ADMIN_TOKEN: "kept-admin-token",
    ROOT_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    RELAY_TOKEN: "kept-relay-token",
  };
  return withFolder("secrets.json", JSON.stringify(secrets), use);
}

async function withFolder<T>(
  name: string,
  text: string | Uint8Array,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "causeway-"));
  try {
    await writeFile(join(folder, name), text);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
