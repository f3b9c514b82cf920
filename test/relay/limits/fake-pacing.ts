// Time that tests move: timers run when it passes them.

import type { PacingClock } from "../../../relay/limits/fair-share.ts";

export class FakePacing implements PacingClock {
  #now = 0;
  #timers: { readonly at: number; readonly tick: () => void }[] = [];
  /** How many timers were set in all. */
  scheduled = 0;

  now(): number {
    return this.#now;
  }

  schedule(ms: number, tick: () => void): void {
    this.scheduled++;
    this.#timers.push({ at: this.#now + ms, tick });
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.at;
      next.tick();
    }
    this.#now = until;
  }
}
