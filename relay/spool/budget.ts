// What all spool files of a relay together may take of the disk.

export class SpoolBudget {
  readonly #total: number;
  #taken = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Bytes of disk in use, or promised to a read that is under way. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes `bytes` if there are as many; false: nothing was taken. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#total) return false;
    this.#taken += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
