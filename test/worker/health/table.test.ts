import { describe, expect, it } from "vitest";
import type { HealthCheck } from "../../../shared/config/health-checks.ts";
import { CheckTable } from "../../../worker/health/table.ts";

const INTERVAL = 10_000;

function check(id: string, fields: Partial<HealthCheck["active"]> = {}): HealthCheck {
  const active = {
    path: "/",
    interval: INTERVAL,
    timeout: 1_000,
    status: "2xx",
    body: "",
    fails: 2,
    passes: 2,
  };
  return { id, via: "direct", base: `http://${id}.test`, active: { ...active, ...fields } };
}

function tableOf(...ids: readonly string[]): CheckTable {
  const table = new CheckTable();
  table.adopt(
    ids.map((id) => check(id)),
    0,
  );
  return table;
}

/** A result comes in; true when it turned the upstream. */
function result(table: CheckTable, id: string, passed: boolean, now = 0, ms = 1): boolean {
  return table.apply({ id, failure: passed ? "" : "status", status: passed ? 200 : 500, ms }, now);
}

describe("CheckTable", () => {
  it("takes an upstream out after its failures in a row, and back after its passes in a row", () => {
    const table = tableOf("a");
    const turns = [false, true, false, false, true, true, false].map((passed) => result(table, "a", passed));
    expect(turns).toEqual([false, false, false, true, false, true, false]);
    expect(table.down()).toEqual([]);
    result(table, "a", false);
    result(table, "a", false);
    expect(table.down()).toEqual(["a"]);
  });

  it("gives out each check when it is due, and not twice at a time", () => {
    const table = tableOf("a", "b");
    expect(table.take(0, 10).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(table.take(INTERVAL, 10)).toEqual([]);
    expect(table.nextAt()).toBeUndefined();
    result(table, "a", true, 5);
    table.drop("b", 3 * INTERVAL);
    expect(table.nextAt()).toBe(INTERVAL);
    expect(table.take(INTERVAL - 1, 10)).toEqual([]);
    expect(table.take(INTERVAL, 10)).toHaveLength(2);
  });

  it("tries a check without result again soon, and one with a result not before its time", () => {
    const table = tableOf("a", "b");
    table.take(0, 10);
    result(table, "a", true, 5);
    for (const id of ["a", "b", "gone"]) table.drop(id, 100);
    expect(table.take(100, 10).map(({ id }) => id)).toEqual(["b"]);
  });

  it("gives out quick ones first", () => {
    const table = tableOf("slow", "quick");
    result(table, "slow", false, 0, 900);
    result(table, "quick", true, 0, 3);
    expect(table.take(INTERVAL, 1).map(({ id }) => id)).toEqual(["quick"]);
  });

  it("keeps what it knows of the checks that a push keeps, and checks new ones at once", () => {
    const table = tableOf("a", "b");
    table.take(0, 10);
    for (const id of ["a", "b", "a", "b"]) result(table, id, false, 100);
    table.adopt([check("b"), check("c")], 200);
    expect(table.down()).toEqual(["b"]);
    expect(table.take(200, 10).map(({ id }) => id)).toEqual(["c"]);
    expect(result(table, "a", true)).toBe(false);
  });

  it("takes up kept states, due when their time has come", () => {
    const before = tableOf("a");
    result(before, "a", false, 1_000);
    result(before, "a", false, 1_000);
    const known = new Map(before.entries().map(({ check: { id }, state }) => [id, state]));
    const after = new CheckTable();
    after.adopt([check("a")], 5_000, known);
    expect(after.down()).toEqual(["a"]);
    expect(after.nextAt()).toBe(1_000 + INTERVAL);
  });
});
