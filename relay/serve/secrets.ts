// Secrets of a local installation: made once, kept in the state directory, readable by their owner only.
// Nothing here has a default value; nothing here is printed.

import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

const FILE = "secrets.json";

/**
 * Reads the named secrets, making those that are missing: 32 random bytes each, in base64url.
 * @throws {Error} when the file cannot be read or is no JSON object of strings.
 */
export async function localSecrets(
  stateDir: string,
  names: readonly string[],
): Promise<Record<string, string>> {
  const path = join(stateDir, FILE);
  const kept = await readSecrets(stateDir);
  const missing = names.filter((name) => kept[name] === undefined);
  if (missing.length > 0) {
    for (const name of missing) kept[name] = randomBytes(32).toString("base64url");
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await writePrivately(path, `${JSON.stringify(kept, null, 2)}\n`);
  }
  return Object.fromEntries(names.map((name) => [name, kept[name] ?? ""]));
}

/**
 * All secrets kept in `stateDir`; none when there is no file of them.
 * @throws {Error} when the file cannot be read or is no JSON object of strings.
 */
export async function readSecrets(stateDir: string): Promise<Record<string, string>> {
  const path = join(stateDir, FILE);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  const value = parseObject(text);
  if (value !== undefined) return value;
  throw new Error(
    `Cannot read ${path}: want a JSON object of strings; remove the file to have new secrets made`,
  );
}

function parseObject(text: string): Record<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).every((item) => typeof item === "string") ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a file that only its owner can read, whole or not at all. */
async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
