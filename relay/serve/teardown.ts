// Stops what was started, in reverse order and within a deadline.

import { setTimeout as delay } from "node:timers/promises";

type Stop = () => Promise<void>;

/** What has been started, so that whatever happens next can be undone. */
export class Teardown {
  readonly #started: { readonly name: string; readonly stop: Stop; readonly extraMs: number }[] = [];

  /** Remembers how to stop what has just been started; `extraMs` is what it may take beyond the common deadline. */
  add(name: string, stop: Stop, extraMs = 0): void {
    this.#started.push({ name, stop, extraMs });
  }

  /**
   * Stops everything, the latest first, each part with `deadlineMs` of its own. Never throws: one part that fails
   * to stop must not keep the others running. Resolves to a sentence for each part that failed.
   */
  async run(deadlineMs: number): Promise<string[]> {
    const problems: string[] = [];
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      const problem = await stopOne(part.stop, deadlineMs + part.extraMs);
      if (problem !== undefined) problems.push(`Cannot stop the ${part.name}: ${problem}`);
    }
    return problems;
  }
}

async function stopOne(stop: Stop, deadlineMs: number): Promise<string | undefined> {
  const timer = new AbortController();
  try {
    const late = delay(deadlineMs, "late", { signal: timer.signal }).catch(() => undefined);
    const outcome = await Promise.race([stop().then(() => undefined), late]);
    return outcome === "late" ? `it did not end within ${deadlineMs / 1_000} s` : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    timer.abort();
  }
}
