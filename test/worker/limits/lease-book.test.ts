import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LEASE_LIMITS } from "../../../shared/limits.ts";
import { LeaseBook } from "../../../worker/limits/lease-book.ts";

const ask = (holder: string, seq: number, wanted: number, used = 0, limit = 10) => ({
  holder,
  seq,
  wanted,
  used,
  limit,
});

describe("LeaseBook", () => {
  it("grants what is free and no more", () => {
    const book = new LeaseBook([]);
    expect(book.grant(ask("a", 1, 7), 0).lease).toEqual({ places: 7, lasts_ms: LEASE_LIMITS.LEASE_MS });
    expect(book.grant(ask("b", 1, 7), 0).lease.places).toBe(3);
    expect(book.grant(ask("c", 1, 1), 0).lease.places).toBe(0);
    book.grant(ask("a", 2, 2), 0);
    expect(book.grant(ask("c", 2, 9), 0).lease.places).toBe(5);
  });

  it("takes the places of an isolate that died back with its lease", () => {
    const book = new LeaseBook([]);
    book.grant(ask("dead", 1, 10), 0);
    expect(book.grant(ask("a", 1, 4), LEASE_LIMITS.LEASE_MS - 1).lease.places).toBe(0);
    expect(book.grant(ask("a", 2, 4), LEASE_LIMITS.LEASE_MS).lease.places).toBe(4);
    expect(book.expire(LEASE_LIMITS.LEASE_MS)).toEqual(["dead"]);
  });

  it("leaves places in use out of what others get when the limit was lowered", () => {
    const book = new LeaseBook([]);
    book.grant(ask("a", 1, 10), 0);
    expect(book.grant(ask("a", 2, 10, 8, 5), 0).lease.places).toBe(5);
    expect(book.grant(ask("b", 1, 5, 0, 5), 0).lease.places).toBe(0);
  });

  it("has nothing stored of a holder past its bound, also one with places in use", () => {
    const rows = Array.from({ length: LEASE_LIMITS.HOLDERS_MAX }, (_, index) => ({
      holder: `h${index}`,
      seq: 1,
      places: 1,
      until: 1_000,
    }));
    const book = new LeaseBook(rows);
    const { lease, row } = book.grant(ask("late", 1, 5, 3, 1_000_000), 0);
    expect([lease.places, row.places, book.size]).toEqual([0, 0, LEASE_LIMITS.HOLDERS_MAX]);
  });

  it("is not changed by a request that comes late", () => {
    const book = new LeaseBook([]);
    book.grant(ask("a", 2, 3), 0);
    expect(book.grant(ask("a", 1, 9), 0).lease.places).toBe(3);
    expect(book.grant(ask("b", 1, 9), 0).lease.places).toBe(7);
  });

  it("never lets the sum of what is held pass the limit", () => {
    const step = fc.record({
      holder: fc.constantFrom("a", "b", "c", "d"),
      wanted: fc.nat(15),
      pass: fc.nat(LEASE_LIMITS.LEASE_MS / 2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const book = new LeaseBook([]);
        const held = new Map<string, { places: number; until: number }>();
        let now = 0;
        for (const [seq, { holder, wanted, pass }] of steps.entries()) {
          now += pass;
          const { lease } = book.grant(ask(holder, seq + 1, wanted), now);
          held.set(holder, { places: lease.places, until: now + lease.lasts_ms });
          const sum = [...held.values()].reduce(
            (all, { places, until }) => all + (until > now ? places : 0),
            0,
          );
          expect(sum).toBeLessThanOrEqual(10);
        }
      }),
      { numRuns: 100 },
    );
  });
});
