// Who holds how many of a bounded number of places, and for how long. The sum of what is held never passes the limit, but
// for places in use when the limit was lowered. Pure: time comes in as an argument.

import { LEASE_LIMITS } from "../../shared/limits.ts";

/** What a holder asks for. */
export interface LeaseRequest {
  /** Random id of the isolate. */
  readonly holder: string;
  /** Rises with each request of the holder: one that arrives late changes nothing. */
  readonly seq: number;
  /** Places that there are, by the holder's configuration. */
  readonly limit: number;
  /** Places that the holder has in use. */
  readonly used: number;
  /** Places that it would like to have in all; 0 gives everything back. */
  readonly wanted: number;
}

/** What a holder has from now on. */
export interface Lease {
  readonly places: number;
  /** Milliseconds from now until the places are others' again, unless they are asked for anew. */
  readonly lasts_ms: number;
}

/** A lease as stored. */
export interface LeaseRow {
  readonly holder: string;
  readonly seq: number;
  readonly places: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export class LeaseBook {
  readonly #rows = new Map<string, LeaseRow>();

  constructor(rows: readonly LeaseRow[]) {
    for (const row of rows) this.#rows.set(row.holder, row);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Grants what is free, at most what is wanted. The row is to be stored, or with no places to be deleted. */
  grant(request: LeaseRequest, now: number): { readonly lease: Lease; readonly row: LeaseRow } {
    const { holder, seq, limit, used, wanted } = request;
    const known = this.#rows.get(holder);
    if (known && seq <= known.seq) return { lease: leaseOf(known, now), row: known };
    let taken = 0;
    for (const row of this.#rows.values()) if (row.holder !== holder && row.until > now) taken += row.places;
    const isNew = known === undefined && this.#rows.size >= LEASE_LIMITS.HOLDERS_MAX;
    const granted = isNew ? 0 : Math.max(0, Math.min(wanted, limit - taken));
    // Places in use cannot be taken away, so they must not be given to others either.
    const places = isNew ? 0 : Math.max(granted, used);
    const row = { holder, seq, places, until: now + LEASE_LIMITS.LEASE_MS };
    if (row.places > 0) this.#rows.set(holder, row);
    else this.#rows.delete(holder);
    return { lease: leaseOf({ ...row, places: granted }, now), row };
  }

  /** Forgets the leases that are over, and names their holders. */
  expire(now: number): string[] {
    const over = [...this.#rows.values()].filter(({ until }) => until <= now).map(({ holder }) => holder);
    for (const holder of over) this.#rows.delete(holder);
    return over;
  }
}

function leaseOf({ places, until }: LeaseRow, now: number): Lease {
  return { places, lasts_ms: Math.max(0, until - now) };
}
