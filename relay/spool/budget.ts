// What all spool files of a relay together may take of the disk.

export class SpoolBudget {
  readonly #total: number;
  #taken = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Bytes of disk in use. */
  get taken(): number {
    return this.#taken;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#taken + bytes <= this.#total;
  }

  take(bytes: number): void {
    this.#taken += bytes;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
