// The spool of a relay: its directory, its share of the disk, and streams that are spooled. Where files are off it keeps to
// memory.

import type { Duplex } from "node:stream";
import { SPOOL_LIMITS } from "../../shared/limits.ts";
import { SpoolBudget } from "./budget.ts";
import { SpoolDirectory } from "./directory.ts";
import { SpoolFile } from "./file.ts";
import { SpooledStream, type SpoolSupply } from "./spooled-stream.ts";
import type { SpoolBounds } from "./state.ts";

/** Bytes: in memory and in a file per stream, and in all files together. */
export interface SpoolSizes extends SpoolBounds {
  readonly total: number;
}

export interface SpoolOptions {
  readonly sizes: SpoolSizes;
  /** The relay's directory for what survives restarts. */
  readonly state: string;
  /** A file failed, and its stream with it; not told again at once. */
  readonly onFailed: (why: string) => void;
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #directory: SpoolDirectory;
  readonly #budget: SpoolBudget;
  readonly #supply: SpoolSupply;
  readonly #onFailed: (why: string) => void;
  readonly #hasFiles: boolean;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SpoolOptions) {
    const { sizes, state, onFailed } = options;
    this.#options = options;
    this.#onFailed = onFailed;
    this.#hasFiles = sizes.file > 0;
    this.#directory = new SpoolDirectory(state);
    this.#budget = new SpoolBudget(sizes.total);
    this.#supply = {
      bounds: sizes,
      budget: this.#budget,
      openFile: () =>
        SpoolFile.open({ path: this.#directory.newPath(), size: sizes.file, budget: this.#budget }),
      onFailed: (error) => this.#report(error),
    };
  }

  /** Bytes of disk that files take now. */
  get diskBytes(): number {
    return this.#budget.taken;
  }

  /** Whether it is what these settings ask for. */
  isOf({ memory, file, total }: SpoolSizes, state: string): boolean {
    const { sizes } = this.#options;
    const isSame = sizes.memory === memory && sizes.file === file && sizes.total === total;
    return isSame && this.#options.state === state;
  }

  /** @throws Error that names the setting, when there can be no files where they should be */
  async open(): Promise<void> {
    if (this.#hasFiles) await this.#directory.prepare();
  }

  /** `source` with its reads spooled; it belongs to the spooled stream, must be paused and allow half-open. */
  of(source: Duplex): Duplex {
    return new SpooledStream(source, this.#supply);
  }

  #report(error: unknown): void {
    const now = performance.now();
    if (now - this.#failedAt < SPOOL_LIMITS.REPORT_INTERVAL_MS) return;
    this.#failedAt = now;
    this.#onFailed(error instanceof Error ? error.message : String(error));
  }
}
