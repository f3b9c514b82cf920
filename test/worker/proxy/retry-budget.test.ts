import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../../worker/proxy/retry-budget.ts";

const START = 1_700_000_000_000;

function spendAll(budget: RetryBudget, now: number): number {
  let spent = 0;
  while (spent < 10_000 && budget.spend(now)) spent++;
  return spent;
}

describe("RetryBudget", () => {
  it("always allows ten in 10 s", () => {
    expect(spendAll(new RetryBudget(0), START)).toBe(10);
    expect(spendAll(new RetryBudget(20), START)).toBe(10);
  });

  it("allows its share of the requests", () => {
    const budget = new RetryBudget(20);
    for (let n = 0; n < 1_000; n++) budget.count(START + n);
    expect(spendAll(budget, START + 1_000)).toBe(200);
  });

  it("forgets after 10 s, both requests and repetitions", () => {
    const budget = new RetryBudget(20);
    for (let n = 0; n < 1_000; n++) budget.count(START);
    expect(spendAll(budget, START + 5_000)).toBe(200);
    expect(spendAll(budget, START + 9_000)).toBe(0);
    expect(spendAll(budget, START + 10_000)).toBe(0);
    expect(spendAll(budget, START + 15_000)).toBe(10);
    expect(spendAll(budget, START + 3_600_000)).toBe(10);
  });

  it("stands still with a clock that falls back", () => {
    const budget = new RetryBudget(20);
    expect(spendAll(budget, START)).toBe(10);
    budget.count(START - 60_000);
    expect(spendAll(budget, START - 60_000)).toBe(0);
  });
});
