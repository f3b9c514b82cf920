// Where the bytes of a thread's open flows are counted: two numbers each, in pages of shared memory. The thread alone writes,
// and the main thread reads them at any time, also after the thread has broken down. 64-bit numbers at their natural place
// are never seen half written on the systems that Node runs on.

import { THREAD_LIMITS } from "../../shared/limits.ts";

const NUMBERS_PER_FLOW = 2;

export class FlowPages {
  readonly #pages: Float64Array[] = [];

  get slots(): number {
    return this.#pages.length * THREAD_LIMITS.FLOWS_PER_PAGE;
  }

  /** One more page: a new one, or that of another thread. */
  add(
    page = new SharedArrayBuffer(
      THREAD_LIMITS.FLOWS_PER_PAGE * NUMBERS_PER_FLOW * Float64Array.BYTES_PER_ELEMENT,
    ),
  ): SharedArrayBuffer {
    this.#pages.push(new Float64Array(page));
    return page;
  }

  /** The page of a slot, and where in it the bytes up stand; those down follow. */
  find(slot: number): { readonly cells: Float64Array; readonly at: number } {
    const cells = this.#pages[Math.floor(slot / THREAD_LIMITS.FLOWS_PER_PAGE)];
    if (cells === undefined)
      throw new RangeError(`Cannot find the flow's slot ${slot}: there is no such page`);
    return { cells, at: (slot % THREAD_LIMITS.FLOWS_PER_PAGE) * NUMBERS_PER_FLOW };
  }
}
