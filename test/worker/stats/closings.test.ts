import { describe, expect, it, vi } from "vitest";
import { ORDER_LIMITS } from "../../../shared/limits.ts";
import { Closings } from "../../../worker/stats/closings.ts";
import { batchOf, flowRecord, serviceDelta } from "../../shared/flow/batches.ts";
import { rootStats, statsObject } from "./support.ts";

const OPEN = { source: "iso", active: [flowRecord({ id: "iso-1" })], last: false };

describe("Closings", () => {
  it("tells the isolate until it reports without the connection", async () => {
    const closings = new Closings();
    const outcome = closings.order("iso-1", "iso");
    expect(closings.of("iso")).toEqual(["iso-1"]);
    closings.heard(OPEN);
    expect(closings.of("iso")).toEqual(["iso-1"]);
    expect(closings.of("other")).toBeUndefined();
    closings.heard({ ...OPEN, source: "other", active: [] });
    closings.heard({ ...OPEN, active: [] });
    expect(await outcome).toBe(true);
    expect(closings.of("iso")).toBeUndefined();
  });

  it("gives up after a while, and takes a last batch for the end", async () => {
    vi.useFakeTimers();
    const closings = new Closings();
    const stuck = closings.order("iso-1", "iso");
    vi.advanceTimersByTime(ORDER_LIMITS.CLOSE_WAIT_MS);
    expect(await stuck).toBe(false);
    const ended = closings.order("iso-1", "iso");
    expect(closings.order("iso-1", "iso")).toBe(ended);
    closings.heard({ ...OPEN, last: true });
    expect(await ended).toBe(true);
    vi.useRealTimers();
  });

  it("takes no more than its bound", () => {
    vi.useFakeTimers();
    const closings = new Closings();
    for (let i = 0; i < ORDER_LIMITS.CLOSINGS_MAX; i++) void closings.order(`iso-${i}`, "iso");
    expect(closings.order("one more", "iso")).toBeUndefined();
    vi.useRealTimers();
  });
});

describe("Stats.closeConnection", () => {
  const http = serviceDelta({ active: 1 });

  it("has an isolate that has nothing to report learn of it, and resolves when the connection has ended", async () => {
    const stats = statsObject("closing");
    const record = flowRecord({ id: "iso-9" });
    await stats.ingest(batchOf({ source: "iso", services: [http], active: [record] }), 0);
    const outcome = stats.closeConnection("iso-9");
    await vi.waitFor(async () => expect((await stats.news("iso", 0)).cut).toEqual(["iso-9"]));
    await stats.ingest(batchOf({ source: "iso", seq: 2, services: [serviceDelta()], active: [] }), 0);
    expect(await outcome).toEqual({ is: "closed" });
    expect(await stats.closeConnection("iso-9")).toEqual({ is: "unknown" });
  });

  it("sends a relay's connection to that relay", async () => {
    const record = flowRecord({ id: "life-1-4", kind: "socks" });
    const batch = batchOf({ source: "front/life-1", origin: "relay", services: [http], active: [record] });
    await rootStats().ingest(batch);
    expect(await rootStats().closeConnection("life-1-4")).toEqual({ is: "relayed", relay: "front" });
  });
});
