import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClientTable, RateWindow } from "../../../shared/net/rate-window.ts";

const LIMIT = { count: 10, windowMs: 1_000 };
const T0 = 1_000_000_000;

function takeAll(window: RateWindow, now: number): number {
  let taken = 0;
  while (window.take(LIMIT, now).admitted) taken++;
  return taken;
}

describe("RateWindow", () => {
  it("admits the count at once and says what is left", () => {
    const window = new RateWindow();
    expect(window.take(LIMIT, T0)).toEqual({ admitted: true, remaining: 9, waitMs: 2_000 });
    expect(takeAll(window, T0)).toBe(9);
    expect(window.take(LIMIT, T0)).toMatchObject({ admitted: false, remaining: 0 });
  });

  it("admits no second burst across the border of two windows", () => {
    const window = new RateWindow();
    window.take(LIMIT, T0);
    takeAll(window, T0 + 999);
    expect(takeAll(window, T0 + 1_001)).toBe(0);
    expect(takeAll(window, T0 + 1_500)).toBe(5);
    expect(takeAll(window, T0 + 3_500)).toBe(10);
  });

  it("is not held up by a clock that goes back", () => {
    const window = new RateWindow();
    takeAll(window, T0);
    const back = T0 - 3_600_000;
    expect(window.take(LIMIT, back)).toMatchObject({ admitted: false });
    expect(takeAll(window, back + 2_000)).toBe(10);
  });

  it("says exactly how long a refused one has to wait", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 10 }),
        (gaps, wanted) => {
          const window = new RateWindow();
          let now = T0;
          for (const gap of gaps) {
            now += gap;
            const { admitted, waitMs } = window.take(LIMIT, now, wanted);
            if (admitted) continue;
            const [start, current, previous] = window.state;
            const later = new RateWindow();
            later.restore([start, current, previous]);
            expect(later.take(LIMIT, now + waitMs, wanted).admitted).toBe(true);
            const sooner = new RateWindow();
            sooner.restore([start, current, previous]);
            if (waitMs > 2) expect(sooner.take(LIMIT, now + waitMs - 2, wanted).admitted).toBe(false);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("never counts more than the limit into one fixed window, whatever the pace", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 100 }), (gaps) => {
        const window = new RateWindow();
        let now = T0;
        for (const gap of gaps) {
          now += gap;
          window.take(LIMIT, now);
          expect(window.state[1]).toBeLessThanOrEqual(LIMIT.count);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("lets a client that hammers in as soon as one that waits", () => {
    const window = new RateWindow();
    takeAll(window, T0);
    for (let now = T0; now < T0 + 1_100; now += 10) window.take(LIMIT, now);
    expect(window.take(LIMIT, T0 + 1_100)).toMatchObject({ admitted: true });
  });

  it("bears a clock that goes back", () => {
    const window = new RateWindow();
    takeAll(window, T0);
    expect(window.take(LIMIT, T0 - 5_000).admitted).toBe(false);
  });

  it("counts several at once, all or none", () => {
    const window = new RateWindow();
    expect(window.take(LIMIT, T0, 8)).toMatchObject({ admitted: true, remaining: 2 });
    expect(window.take(LIMIT, T0, 3)).toMatchObject({ admitted: false, remaining: 2 });
    expect(window.room(LIMIT, T0)).toBe(2);
  });
});

describe("ClientTable", () => {
  it("never holds more than its bound, and keeps who is in use", () => {
    const table = new ClientTable<number>(10);
    table.set("busy", 1);
    for (let i = 0; i < 1_000; i++) {
      table.set(`client ${i}`, i);
      expect(table.get("busy")).toBe(1);
      expect(table.size).toBeLessThanOrEqual(11);
    }
    expect(table.get("client 0")).toBeUndefined();
  });

  it("forgets what is deleted", () => {
    const table = new ClientTable<number>(10);
    table.set("a", 1);
    table.delete("a");
    expect(table.get("a")).toBeUndefined();
  });
});
