// Where `causeway stats` gets its views from. A source goes on until its signal aborts, and ends with an error when it is
// lost: whoever watches decides whether to ask again.

import type { StatsView } from "./view.ts";

/** An answer that was no view: refused, malformed, or none at all. */
export class SourceError extends Error {
  /** Whether asking again could help. */
  readonly isLasting: boolean;

  constructor(message: string, { isLasting = false, cause }: { isLasting?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "SourceError";
    this.isLasting = isLasting;
  }
}

export interface StatsSource {
  /** Views as they come; the first one has its rates already. @throws SourceError when the source is lost */
  views(signal: AbortSignal): AsyncGenerator<StatsView, void, undefined>;
}
