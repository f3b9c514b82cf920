import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LeaseRequest, QuotaLease, type QuotaStore } from "../../../relay/limits/quota-lease.ts";
import { RELAY_QUOTA_LIMITS } from "../../../shared/limits.ts";

const MB = 1_000_000;

/** A store in memory, as durable as a test needs. */
class Book implements QuotaStore {
  used = 0;
  leases = 0;
  fails = false;
  #start = 0;

  lease({ start, limit, wanted, needed }: LeaseRequest): number | undefined {
    if (this.fails) return undefined;
    this.leases++;
    if (start !== this.#start) {
      this.used = 0;
      this.#start = start;
    }
    const free = Math.max(0, limit - this.used);
    const leased = free < needed ? 0 : Math.min(wanted, free);
    this.used = leased === 0 ? Math.max(limit, this.used) : this.used + leased;
    return leased;
  }

  giveBack(_lease: unknown, bytes: number): void {
    this.used -= bytes;
  }
}

function leaseOf(bytes = 100 * MB, period: "total" | "hour" = "total") {
  const clock = { now: Date.UTC(2027, 0, 1) };
  const book = new Book();
  const lease = new QuotaLease("user:alice", { bytes, period }, { store: book, now: () => clock.now });
  return { lease, book, clock };
}

describe("QuotaLease", () => {
  it("has every byte counted by the store before it moves, and at most one lease too much", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 262_144 }), fc.integer({ min: 0, max: 2_000 })), {
          maxLength: 400,
        }),
        (steps) => {
          const { lease, book, clock } = leaseOf();
          let moved = 0;
          for (const [bytes, pause] of steps) {
            clock.now += pause;
            if (lease.charge(bytes)) moved += bytes;
            expect(book.used).toBeGreaterThanOrEqual(moved);
            expect(book.used - moved).toBeLessThanOrEqual(MB);
          }
        },
      ),
    );
  });

  it("never lets more pass than the quota", () => {
    const { lease, book } = leaseOf(10 * MB);
    let moved = 0;
    while (lease.charge(65_536)) moved += 65_536;
    expect(moved).toBeLessThanOrEqual(10 * MB);
    expect(moved).toBeGreaterThan(10 * MB - 65_536);
    expect(book.used).toBe(10 * MB);
    expect(lease.isOpen()).toBe(false);
  });

  it("takes few leases when much moves, and small ones at first", () => {
    const { lease, book, clock } = leaseOf(1e12);
    expect(lease.isOpen()).toBe(true);
    expect(book.used).toBe(RELAY_QUOTA_LIMITS.LEASE_BYTES_MIN);
    for (let count = 0; count < 10_000; count++) {
      clock.now += 1;
      lease.charge(100_000);
    }
    expect(book.leases).toBeLessThan(40);
  });

  it("gives back what it did not use", () => {
    const { lease, book } = leaseOf();
    lease.charge(1_000);
    lease.release();
    expect(book.used).toBe(1_000);
    expect(lease.charge(500)).toBe(true);
  });

  it("begins anew with the next period", () => {
    const { lease, book, clock } = leaseOf(10 * MB, "hour");
    while (lease.charge(65_536));
    expect(lease.isOpen()).toBe(false);
    clock.now += 3_600_000;
    expect(lease.isOpen()).toBe(true);
    expect(book.used).toBeLessThan(MB);
  });

  it("does not ask the store for each refused byte, but now and then", () => {
    const { lease, book, clock } = leaseOf(10 * MB);
    while (lease.charge(65_536));
    const { leases } = book;
    for (let count = 0; count < 100; count++) expect(lease.isOpen()).toBe(false);
    expect(book.leases).toBe(leases);
    book.used = 0;
    clock.now += RELAY_QUOTA_LIMITS.RECHECK_MS;
    expect(lease.isOpen()).toBe(true);
  });

  it("refuses while the store fails, and goes on when it works again", () => {
    const { lease, book, clock } = leaseOf();
    book.fails = true;
    expect(lease.charge(1)).toBe(false);
    book.fails = false;
    clock.now += RELAY_QUOTA_LIMITS.RECHECK_MS;
    expect(lease.charge(1)).toBe(true);
  });

  it("takes a larger quota at once", () => {
    const { lease } = leaseOf(10 * MB);
    while (lease.charge(65_536));
    lease.setTerms({ bytes: 20 * MB, period: "total" });
    expect(lease.isOpen()).toBe(true);
  });
});
