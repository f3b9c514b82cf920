// A map bounded by bytes: what was used longest ago goes first. Used for what an isolate keeps in memory.

import { CACHE_LIMITS } from "../../shared/limits.ts";

export class ByteLru<V> {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, { readonly value: V; readonly bytes: number }>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes held, with each entry's overhead. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps `value`, which holds `bytes`, and drops others to make room. A value larger than the bound is not kept. */
  set(key: string, value: V, bytes: number): void {
    this.delete(key);
    const cost = bytes + key.length * 2 + CACHE_LIMITS.ENTRY_OVERHEAD_BYTES;
    if (cost > this.#bytesMax) return;
    this.#entries.set(key, { value, bytes: cost });
    this.#bytes += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
