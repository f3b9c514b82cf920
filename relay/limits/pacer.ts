// One direction of one stream under the rates of everybody who pays for it: it may go on while every rate has room.

import type { FairShare, Lane } from "./fair-share.ts";

export class Pacer {
  readonly #lanes: readonly Lane[];
  readonly #onReady: () => void;

  constructor(shares: readonly FairShare[], onReady: () => void) {
    this.#onReady = onReady;
    this.#lanes = shares.map((share) => share.lane(() => this.#ready()));
  }

  get waits(): boolean {
    return this.#lanes.some((lane) => lane.waits);
  }

  /** Whether bytes may be moved now; if not, `onReady` follows. */
  ask(): boolean {
    return this.#each((lane) => lane.ask());
  }

  /** Pays for bytes that are moved, and says whether more may follow at once; if not, `onReady` follows. */
  spend(bytes: number): boolean {
    return this.#each((lane) => lane.spend(bytes));
  }

  leave(): void {
    for (const lane of this.#lanes) lane.leave();
  }

  /** Every lane is asked, also behind one that has no room: each has its own turn to wait for. */
  #each(asks: (lane: Lane) => boolean): boolean {
    let isFree = true;
    for (const lane of this.#lanes) isFree = asks(lane) && isFree;
    return isFree;
  }

  #ready(): void {
    if (!this.waits) this.#onReady();
  }
}
