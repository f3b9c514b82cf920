// One product per state directory: two would push over each other's configuration and write the same databases. The lock is
// SQLite's on a file of its own: however a process ends, its lock ends with it, which no file of process ids can say.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

const FILE = "lock";
/** SQLite's code for a lock that somebody else has. */
const BUSY = 5;

/**
 * Takes the state directory for this process; resolves to what gives it back.
 * @throws {Error} when another process has it, or the file cannot be opened.
 */
export async function lockState(stateDir: string): Promise<() => Promise<void>> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const { DatabaseSync: Database } = await import("node:sqlite");
  const database = new Database(join(stateDir, FILE), { timeout: 0 });
  try {
    takeLock(database);
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new Error(
      `Cannot use the state in ${stateDir}: another "causeway start" uses it; stop that one, or choose another directory with --state`,
    );
  }
  return async () => database.close();
}

function takeLock(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = MEMORY");
  database.exec("BEGIN EXCLUSIVE");
}
