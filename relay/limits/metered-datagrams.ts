// Metering for datagrams: one whose turn has not come is dropped, as a full queue anywhere would, and never waits.

import type { Way } from "./account.ts";
import type { Pacer } from "./pacer.ts";
import type { Tab } from "./tab.ts";

export class MeteredDatagrams {
  readonly #tab: Tab;
  readonly #pacers: Readonly<Record<Way, Pacer | undefined>>;

  constructor(tab: Tab) {
    this.#tab = tab;
    const nothing = (): void => undefined;
    this.#pacers = { up: tab.pacer("up", nothing), down: tab.pacer("down", nothing) };
  }

  /** Whether a datagram passes; then it is paid for. */
  pass(way: Way, bytes: number): boolean {
    const pacer = this.#pacers[way];
    if (pacer?.ask() === false || !this.#tab.charge(bytes)) return false;
    pacer?.spend(bytes);
    return true;
  }

  leave(): void {
    this.#pacers.up?.leave();
    this.#pacers.down?.leave();
  }
}
