import { beforeEach, describe, expect, it } from "vitest";
import { QuotaLease, type QuotaStore } from "../../../relay/limits/quota-lease.ts";
import { AccountRows, NO_ROW } from "../../../relay/threads/account-rows.ts";
import { SharedMemory } from "../../../relay/threads/shared-memory.ts";

let memory: SharedMemory;
let rows: AccountRows;
let forgotten: string[];

beforeEach(() => {
  memory = SharedMemory.allocate(2, 4);
  rows = new AccountRows(memory);
  forgotten = [];
  rows.onForget = (name) => void forgotten.push(name);
});

describe("AccountRows", () => {
  it("gives all threads the same row of an account, and none twice", () => {
    const row = rows.acquire(0, "client", "203.0.113.1");
    expect(rows.acquire(1, "client", "203.0.113.1")).toBe(row);
    expect(rows.acquire(0, "user", "203.0.113.1")).not.toBe(row);
    expect(row).not.toBe(NO_ROW);
  });

  it("keeps what a client did while no thread uses its row, until another needs it", () => {
    const row = rows.acquire(0, "client", "a");
    Atomics.store(memory.longs, memory.accountField(row, "up"), 7n);
    rows.release(0, row);
    expect(rows.acquire(1, "client", "a")).toBe(row);
    expect(Atomics.load(memory.longs, memory.accountField(row, "up"))).toBe(7n);
    rows.release(1, row);
    const others = ["b", "c", "d"].map((name) => rows.acquire(0, "client", name));
    expect(others).toContain(row);
    expect(forgotten).toEqual(["a"]);
    expect(Atomics.load(memory.longs, memory.accountField(row, "up"))).toBe(0n);
  });

  it("has no row left when all are in use, and one again when a thread ends", () => {
    for (const name of ["a", "b", "c"]) expect(rows.acquire(0, "client", name)).not.toBe(NO_ROW);
    expect(rows.acquire(1, "client", "d")).toBe(NO_ROW);
    rows.lose(0);
    expect(rows.acquire(1, "client", "d")).not.toBe(NO_ROW);
  });

  it("takes back the seats of a thread that is no more", () => {
    const row = rows.acquire(0, "user", "alice");
    rows.acquire(1, "user", "alice");
    for (const thread of [0, 0, 1]) memory.accountCount(row, "seats", thread).take(10);
    expect(rows.seatsBeyond(1, "user", "alice")).toBe(2);
    rows.lose(0);
    expect(memory.accountCount(row, "seats", 1).total).toBe(1);
  });

  it("forgets users that are gone once no thread uses them", () => {
    const row = rows.acquire(0, "user", "alice");
    rows.forgetUsersBut(new Set());
    expect(rows.has("user", "alice")).toBe(true);
    rows.release(0, row);
    rows.forgetUsersBut(new Set());
    expect(rows.has("user", "alice")).toBe(false);
  });
});

describe("a lease in shared memory", () => {
  function storeOf(bytes: number): QuotaStore & { used: number } {
    return {
      used: 0,
      lease({ wanted, needed }) {
        const leased = bytes - this.used < needed ? 0 : Math.min(wanted, bytes - this.used);
        this.used += leased;
        return leased;
      },
      giveBack(_, unused) {
        this.used -= unused;
      },
    };
  }

  it("is taken from by others, never beyond what was leased, and given back to the byte", () => {
    const store = storeOf(10_000_000);
    const terms = { bytes: 10_000_000, period: "total" } as const;
    rows.acquire(0, "user", "alice");
    const purse = rows.purse("user", "alice");
    const lease = new QuotaLease("user:alice", terms, { store, purse });
    expect(lease.charge(1_000)).toBe(true);
    const other = rows.purse("user", "alice");
    expect(other.left).toBe(store.used - 1_000);
    expect(other.take(other.left + 1)).toBe(false);
    expect(other.take(500)).toBe(true);
    expect(other.until).toBe(Number.POSITIVE_INFINITY);
    lease.release();
    expect(store.used).toBe(1_500);
    expect(other.take(1)).toBe(false);
  });

  it("is empty where the account has no row", () => {
    const purse = rows.purse("user", "nobody");
    purse.add(5);
    expect([purse.left, purse.take(1), purse.empty()]).toEqual([0, false, 0]);
  });
});
