// The directory of spool files: made when needed, and swept of what dead processes have left in it. On most systems nothing is
// ever found there, because files lose their names as soon as they are open.

import { randomUUID } from "node:crypto";
import { mkdir, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

const NAME = /^(\d{1,10})-[0-9a-f-]{36}\.spool$/;

export class SpoolDirectory {
  readonly #path: string;

  /** `state`: the relay's directory for what survives restarts. */
  constructor(state: string) {
    this.#path = join(state, "spool");
  }

  /**
   * Makes the directory and removes leftovers; files of processes that live stay.
   * @throws Error that names the setting, when there can be no files here
   */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.#path, { recursive: true, mode: 0o700 });
      const names = await readdir(this.#path);
      await Promise.all(names.filter(isLeftover).map((name) => this.#remove(name)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(
        `Cannot keep spool files in ${this.#path}, as relay.state says: ${code}; relay.spool.file = 0 goes without them`,
        { cause: error },
      );
    }
  }

  /** A path for a new file. */
  newPath(): string {
    return join(this.#path, `${process.pid}-${randomUUID()}.spool`);
  }

  async #remove(name: string): Promise<void> {
    // One that cannot be removed is in nobody's way: names are never used twice.
    await unlink(join(this.#path, name)).catch(() => undefined);
  }
}

/** Whether a file's process is dead. One with this process's own number is: it has made none before it sweeps. */
function isLeftover(name: string): boolean {
  const pid = Number(NAME.exec(name)?.[1] ?? Number.NaN);
  if (Number.isNaN(pid)) return false;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
