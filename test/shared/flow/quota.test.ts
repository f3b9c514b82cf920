import { describe, expect, it } from "vitest";
import { periodAt, QuotaBook, type QuotaRow } from "../../../shared/flow/quota.ts";

const NOW = Date.UTC(2026, 10, 21, 7, 30);
const TERMS = { epoch: 1, quota: { limit: 1_000, period: "day" as const } };

describe("periodAt", () => {
  it.each([
    ["hour", Date.UTC(2026, 10, 21, 7), Date.UTC(2026, 10, 21, 8)],
    ["day", Date.UTC(2026, 10, 21), Date.UTC(2026, 10, 22)],
    // 2026-11-21 is a Saturday.
    ["week", Date.UTC(2026, 10, 16), Date.UTC(2026, 10, 23)],
    ["month", Date.UTC(2026, 10, 1), Date.UTC(2026, 11, 1)],
  ] as const)("knows the %s of the calendar in UTC", (period, start, end) => {
    expect(periodAt(period, NOW)).toEqual({ start, end });
    expect(periodAt(period, start)).toEqual({ start, end });
    expect(periodAt(period, end - 1)).toEqual({ start, end });
    expect(periodAt(period, end).start).toBe(end);
  });

  it("ends a December in the next year", () => {
    expect(periodAt("month", Date.UTC(2026, 11, 31)).end).toBe(Date.UTC(2027, 0, 1));
  });
});

describe("QuotaBook", () => {
  it("adds up what is reported and names a service once it has used its quota up", () => {
    const book = new QuotaBook([], NOW);
    const before = book.news(undefined, NOW)?.version;
    book.add("a.test", TERMS, 999, NOW);
    expect(book.news(before, NOW)).toBeUndefined();
    book.add("a.test", TERMS, 1, NOW);
    const until = Date.UTC(2026, 10, 22);
    expect(book.news(before, NOW)?.over).toEqual([
      { service: "a.test", limit: 1_000, period: "day", epoch: 1, until },
    ]);
    expect(book.stateOf("a.test", NOW)).toEqual({ used: 1_000, limit: 1_000, resets_at: until });
  });

  it("tells news once: a reader that knows the version gets none", () => {
    const book = new QuotaBook([], NOW);
    book.add("a.test", TERMS, 1_000, NOW);
    const { version } = book.news(0, NOW) ?? {};
    expect(book.news(version, NOW)).toBeUndefined();
    book.add("a.test", TERMS, 5, NOW);
    expect(book.news(version, NOW)).toBeUndefined();
  });

  it("begins anew with the next period", () => {
    const book = new QuotaBook([], NOW);
    book.add("a.test", TERMS, 1_000, NOW);
    const later = Date.UTC(2026, 10, 22);
    expect(book.news(0, later)?.over).toEqual([]);
    expect(book.stateOf("a.test", later)?.used).toBe(0);
    book.add("a.test", TERMS, 10, later);
    expect(book.stateOf("a.test", later)?.used).toBe(10);
  });

  it("lets a service go on under a raised limit, with what it has used", () => {
    const book = new QuotaBook([], NOW);
    book.add("a.test", TERMS, 1_000, NOW);
    book.add("a.test", { epoch: 2, quota: { limit: 5_000, period: "day" } }, 0, NOW);
    expect(book.news(0, NOW)?.over).toEqual([]);
    expect(book.stateOf("a.test", NOW)).toMatchObject({ used: 1_000, limit: 5_000 });
  });

  it("judges by the latest configuration, whatever isolates report that have not heard of it", () => {
    const book = new QuotaBook([], NOW);
    const small = { epoch: 2, quota: { limit: 1_000, period: "hour" as const } };
    book.add("a.test", TERMS, 0, NOW);
    for (let second = 0; second < 5; second++) {
      book.add("a.test", { epoch: 1, quota: { limit: 9_000, period: "day" } }, 100, NOW);
      book.add("a.test", small, 100, NOW);
      book.add("a.test", { epoch: 1 }, 50, NOW);
      book.add("a.test", undefined, 50, NOW);
    }
    expect(book.stateOf("a.test", NOW)).toMatchObject({ used: 1_400, limit: 1_000 });
    const { version, over } = book.news(0, NOW) ?? {};
    expect(over).toMatchObject([{ limit: 1_000, period: "hour", epoch: 2 }]);
    book.add("a.test", { epoch: 1 }, 50, NOW);
    expect(book.news(version, NOW)).toBeUndefined();
  });

  it("shows no quota that is not configured any more, and remembers its use for when it is again", () => {
    const book = new QuotaBook([], NOW);
    book.add("a.test", TERMS, 1_000, NOW);
    book.add("a.test", { epoch: 2 }, 50, NOW);
    expect(book.stateOf("a.test", NOW)).toBeUndefined();
    expect(book.news(0, NOW)?.over).toEqual([]);
    book.add("a.test", { ...TERMS, epoch: 3 }, 0, NOW);
    expect(book.stateOf("a.test", NOW)?.used).toBe(1_000);
  });

  it("goes on from stored rows", () => {
    const rows = new Map<string, QuotaRow>();
    const book = new QuotaBook([], NOW);
    for (const bytes of [600, 300]) {
      const row = book.add("a.test", { ...TERMS, expires_at: 7 }, bytes, NOW);
      if (row) rows.set(row.service, row);
    }
    const next = new QuotaBook([...rows.values()], NOW + 1);
    expect(next.stateOf("a.test", NOW)?.used).toBe(900);
    expect(next.expiryOf("a.test")).toBe(7);
    next.add("a.test", TERMS, 100, NOW);
    expect(next.news(0, NOW)?.over).toHaveLength(1);
  });

  it("stores nothing for what has no terms, and nothing when nothing has changed", () => {
    const book = new QuotaBook([], NOW);
    expect(book.add("plain.test", undefined, 10, NOW)).toBeUndefined();
    expect(book.add("plain.test", { epoch: 1 }, 10, NOW)).toBeUndefined();
    expect(book.add("a.test", TERMS, 0, NOW)).toBeDefined();
    expect(book.add("a.test", TERMS, 0, NOW)).toBeUndefined();
  });
});
