// Metering for bodies that are passed on by loops: each chunk is paid for and waits its turn. Costs nothing where nobody pays.

import { CausewayError } from "../../shared/errors.ts";
import type { Way } from "./account.ts";
import type { Pacer } from "./pacer.ts";
import type { Tab } from "./tab.ts";

export class MeteredBody {
  readonly #tab: Tab;
  readonly #pacer: Pacer | undefined;
  #goOn: (() => void) | undefined;

  constructor(tab: Tab, way: Way) {
    this.#tab = tab;
    this.#pacer = tab.pacer(way, () => this.#release());
  }

  /**
   * Waits for the chunk's turn, and pays for it.
   * @throws CausewayError `traffic_exceeded` when it may not pass
   */
  async pass(bytes: number): Promise<void> {
    if (this.#pacer?.ask() === false) {
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
    }
    if (!this.#tab.charge(bytes)) throw new CausewayError("traffic_exceeded");
    this.#pacer?.spend(bytes);
  }

  /** The body has ended or nobody wants it any more; whoever waits goes on. */
  leave(): void {
    this.#pacer?.leave();
    this.#release();
  }

  #release(): void {
    this.#goOn?.();
    this.#goOn = undefined;
  }
}
