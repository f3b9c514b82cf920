import { beforeEach, describe, expect, it } from "vitest";
import type { ClosedFlowRecord } from "../../shared/flow/flow.ts";
import type { ConnectionEvents } from "../../shared/flow/snapshot.ts";
import { DASHBOARD_LIMITS } from "../../shared/limits.ts";
import { backOff } from "../../worker/dashboard/connection.ts";
import { ConnectionList } from "../../worker/dashboard/connection-list.ts";
import { flow, snapshot } from "./sample.ts";

const T = 1_800_000_000_000;

function events(parts: Partial<ConnectionEvents>): ConnectionEvents {
  return { type: "connections", opened: [], closed: [], dropped: 0, ...parts };
}

function ended(id: string): ClosedFlowRecord {
  return { ...flow(id, { down: 9 }), ended_at: T + 10, reason: "aborted" };
}

describe("ConnectionList", () => {
  let list: ConnectionList;
  const ids = (): string[] => list.rows().map((row) => row.id);

  beforeEach(() => {
    list = new ConnectionList();
    list.apply(snapshot({ at: T, connections: [flow("a", { down: 1000 }), flow("b")] }), T);
  });

  it("lists what a snapshot lists, and only that", () => {
    expect(ids()).toEqual(["a", "b"]);
    list.apply(snapshot({ at: T + 2000, connections: [flow("b")] }), T + 2000);
    expect(ids()).toEqual(["b"]);
  });

  it("measures rates between snapshots", () => {
    list.apply(snapshot({ at: T + 2000, connections: [flow("a", { down: 5000 })] }), T + 2000);
    expect(list.rows()[0]?.down_rate).toBe(2000);
  });

  it("smooths a rate that jumps, and lets it come to rest", () => {
    const rates = [5000, 7000, 7000].map((down, i) => {
      const at = T + (i + 1) * 2000;
      list.apply(snapshot({ at, connections: [flow("a", { down })] }), at);
      return list.rows()[0]?.down_rate;
    });
    expect(rates).toEqual([2000, 1500, 0]);
  });

  it("takes no rate from two snapshots that are close together", () => {
    list.apply(snapshot({ at: T + 20, connections: [flow("a", { down: 3000 })] }), T + 20);
    expect(list.rows()[0]?.down_rate).toBe(0);
    list.apply(snapshot({ at: T + 2000, connections: [flow("a", { down: 5000 })] }), T + 2000);
    expect(list.rows()[0]?.down_rate).toBe(2000);
  });

  it("adds what opened since and keeps what closed for a moment", () => {
    list.apply(events({ opened: [flow("c")], closed: [ended("a")] }), T + 100);
    expect(ids().sort()).toEqual(["a", "b", "c"]);
    expect(list.rows().find((row) => row.id === "a")).toMatchObject({
      down: 9,
      closed: { reason: "aborted" },
    });
    list.apply(snapshot({ at: T + 2000, connections: [flow("b"), flow("c")] }), T + 2000);
    expect(ids().sort()).toEqual(["a", "b", "c"]);
    list.apply(
      snapshot({ at: T + 6000, connections: [flow("b"), flow("c")] }),
      T + 101 + DASHBOARD_LIMITS.CLOSED_SHOWN_MS,
    );
    expect(ids().sort()).toEqual(["b", "c"]);
  });

  it("does not list what closed without having been listed", () => {
    list.apply(events({ closed: [ended("stranger")] }), T);
    expect(ids()).toEqual(["a", "b"]);
  });

  it("is bounded between snapshots", () => {
    const flood = Array.from({ length: DASHBOARD_LIMITS.CONNECTIONS_MAX + 50 }, (_, i) => flow(`x${i}`));
    list.apply(events({ opened: flood }), T);
    expect(ids()).toHaveLength(DASHBOARD_LIMITS.CONNECTIONS_MAX);
  });
});

describe("backOff", () => {
  it("doubles up to the bound, half of it random", () => {
    expect(backOff(0, 0)).toBe(DASHBOARD_LIMITS.RECONNECT_FIRST_MS / 2);
    expect(backOff(0, 1)).toBe(DASHBOARD_LIMITS.RECONNECT_FIRST_MS);
    expect(backOff(2, 1)).toBe(4 * DASHBOARD_LIMITS.RECONNECT_FIRST_MS);
    expect(backOff(5000, 1)).toBe(DASHBOARD_LIMITS.RECONNECT_MAX_MS);
  });
});
