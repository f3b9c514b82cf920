import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { RENEW_CLOSE } from "../../../shared/flow/snapshot.ts";
import { STATS_LIMITS } from "../../../shared/limits.ts";
import { openSocket, snapshots, statsObject, until } from "./support.ts";

describe("Viewers", () => {
  it("sends on time although an alarm was set by a clock that was ahead", async () => {
    const stats = statsObject("clock");
    const hour = 3_600_000;
    await runInDurableObject(stats, (_, state) => state.storage.setAlarm(Date.now() + hour));
    const viewer = await openSocket(stats);
    await until(() => snapshots(viewer).length > 1);
    viewer.socket.close();
  });

  it("has a dashboard come back after a while, to show its session or token again", async () => {
    const stats = statsObject("renew");
    const old = await openSocket(stats);
    await runInDurableObject(stats, (_, state) => {
      const [socket] = state.getWebSockets();
      socket?.serializeAttachment(Date.now() - STATS_LIMITS.VIEWER_TTL_MS);
    });
    const fresh = await openSocket(stats);
    await runDurableObjectAlarm(stats);
    expect(await until(() => old.ended[0])).toEqual({ code: RENEW_CLOSE, reason: "renew" });
    await until(() => snapshots(fresh).length > 1);
    expect(fresh.ended).toEqual([]);
    fresh.socket.close();
  });
});
