// The ids of an import's channels as isolates keep them: a sorted table of hashes, 8 bytes a channel, so that unknown ids are
// refused without asking anyone and a channel is loaded anew only when it has changed. Pure.

import { hash32 } from "../net/hash.ts";

/** Bytes of one channel: the id's hash, the record's revision. */
const ENTRY_BYTES = 8;

export class IdSet {
  readonly #table: Uint32Array;

  constructor(table: Uint32Array) {
    this.#table = table;
  }

  /** What `encodeIds` made; an empty set for anything else. */
  static decode(bytes: Uint8Array): IdSet {
    const count = Math.floor(bytes.byteLength / ENTRY_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, count * ENTRY_BYTES);
    const table = new Uint32Array(count * 2);
    for (let n = 0; n < table.length; n++) table[n] = view.getUint32(n * 4, true);
    return new IdSet(table);
  }

  get size(): number {
    return this.#table.length / 2;
  }

  /** Where the id's record stands in the order of the table, and its revision; undefined for an id that is not there. */
  find(id: string): { readonly place: number; readonly revision: number } | undefined {
    const wanted = hash32(id);
    let low = 0;
    let high = this.size - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const hash = this.#table[middle * 2] ?? 0;
      if (hash === wanted) return { place: middle, revision: this.#table[middle * 2 + 1] ?? 0 };
      if (hash < wanted) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}

/** The order in which records stand for a table of their ids. */
export function byIdHash(a: { readonly id: string }, b: { readonly id: string }): number {
  return hash32(a.id) - hash32(b.id);
}

/** The table of records in the order of {@link byIdHash}. */
export function encodeIds(
  records: readonly { readonly id: string; readonly revision: number }[],
): Uint8Array {
  const bytes = new Uint8Array(records.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [n, { id, revision }] of records.entries()) {
    view.setUint32(n * ENTRY_BYTES, hash32(id), true);
    view.setUint32(n * ENTRY_BYTES + 4, revision >>> 0, true);
  }
  return bytes;
}
