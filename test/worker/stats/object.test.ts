import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { STATS_LIMITS } from "../../../shared/limits.ts";
import { nextSnapshotAt } from "../../../worker/stats/object.ts";
import { batchOf, flowRecord, serviceDelta } from "../../shared/flow/batches.ts";
import { alarmOf, BUSY, connectionEvents, openSocket, snapshots, statsObject, until } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Stats.ingest", () => {
  it("merges a repeated batch once and acknowledges it each time", async () => {
    const stats = statsObject("repeated");
    expect(await stats.ingest(batchOf(BUSY))).toEqual({ ack: 1 });
    expect(await stats.ingest(batchOf(BUSY))).toEqual({ ack: 1 });
    expect((await stats.snapshot()).totals).toMatchObject({ requests: 1, up: 5, down: 100 });
  });

  it("keeps totals and batch numbers over an eviction", async () => {
    const stats = statsObject("evicted");
    await stats.ingest(batchOf(BUSY));
    await stats.ingest(batchOf({ ...BUSY, seq: 2 }));
    await evictDurableObject(stats);
    await stats.ingest(batchOf({ ...BUSY, seq: 2 }));
    const snapshot = await stats.snapshot();
    expect(snapshot.totals).toMatchObject({ requests: 2, up: 10, down: 200 });
    expect(snapshot.services).toMatchObject([{ service: "app.test", kind: "http", down: 200 }]);
    await stats.ingest(batchOf({ ...BUSY, seq: 3 }));
    expect(await stats.snapshot()).toMatchObject({ active: 1, totals: { requests: 3 } });
  });

  it("keeps what was folded and what was not apart over an eviction", async () => {
    const stats = statsObject("folded");
    const services = Array.from({ length: STATS_LIMITS.SERVICES_UNFOLDED_MAX + 1 }, (_, i) =>
      serviceDelta({ service: `s${i}`, requests: 1, down: 7 }),
    );
    await stats.ingest(batchOf({ services }));
    await stats.ingest(batchOf({ seq: 2, services }));
    await stats.ingest(batchOf({ seq: 3, services: services.slice(0, 2) }));
    const before = (await stats.snapshot()).totals;
    await evictDurableObject(stats);
    expect((await stats.snapshot()).totals).toEqual(before);
    expect(before.requests).toBe(2 * services.length + 2);
  });

  it("keeps what only channels have, folded or not, over an eviction", async () => {
    const stats = statsObject("channels");
    const channel = {
      tiers: { memory: 2, origin: 1 },
      origin_requests: 1,
      origin_bytes: 500,
      origin_errors: { origin_status: 1 },
      segment_ms: { counts: [1, 1], sum: 2 },
      origin_ms: { counts: [0, 0, 1], sum: 3 },
      viewers: [7, 8],
    };
    const services = [serviceDelta({ service: "ch_a", kind: "hls", channel })];
    const others = Array.from({ length: STATS_LIMITS.SERVICES_UNFOLDED_MAX }, (_, i) =>
      serviceDelta({ service: `s${i}`, requests: 1 }),
    );
    await stats.ingest(batchOf({ services: [...services, ...others] }));
    await stats.ingest(batchOf({ seq: 2, services }));
    await stats.ingest(batchOf({ seq: 3, services: [...services, ...others] }));
    await stats.ingest(batchOf({ seq: 4, services }));
    const find = async () => (await stats.snapshot()).services.find(({ service }) => service === "ch_a");
    const before = (await find())?.channel;
    expect(before).toMatchObject({ viewers: 2, origin_bytes: 2_000, tiers: { memory: 8, origin: 4 } });
    await evictDurableObject(stats);
    // Who watches shows again with the next report.
    expect((await find())?.channel).toEqual({ ...before, viewers: 0, recent_ms: { counts: [], sum: 0 } });
  });

  it("goes on with tables of a version that knew fewer counters", async () => {
    const stats = statsObject("older");
    await stats.ingest(batchOf(BUSY));
    await runInDurableObject(stats, async (_, state) => {
      const { sql } = state.storage;
      sql.exec("INSERT INTO totals (kind, service, requests, down) VALUES ('ws', 'old.test', 3, 9)");
      for (const name of ["messages_up", "messages_down"]) sql.exec(`ALTER TABLE totals DROP COLUMN ${name}`);
      sql.exec(`UPDATE sources SET unfolded = replace(unfolded, '"messages_up":0,"messages_down":0,', '')`);
      const rows = sql.exec<{ unfolded: string }>("SELECT unfolded FROM sources").toArray();
      expect(rows).toMatchObject([{ unfolded: expect.not.stringContaining("messages") }]);
    });
    await evictDurableObject(stats);
    const services = [serviceDelta({ kind: "ws", requests: 1, messages_up: 2, messages_down: 1 })];
    await stats.ingest(batchOf({ seq: 2, services, last: true }));
    const totals = { requests: 5, down: 109, messages_up: 2, messages_down: 1 };
    expect((await stats.snapshot()).totals).toMatchObject(totals);
    await evictDurableObject(stats);
    expect((await stats.snapshot()).totals).toMatchObject(totals);
  });

  it("writes one row for a batch", async () => {
    const stats = statsObject("rows");
    await stats.ingest(batchOf(BUSY));
    const written = await runInDurableObject(stats, async (instance, state) => {
      const exec = vi.spyOn(state.storage.sql, "exec");
      await instance.ingest(batchOf({ ...BUSY, seq: 2 }));
      const rows = exec.mock.results.map(({ value }) => (value as SqlStorageCursor<never>).rowsWritten);
      return rows.reduce((sum, count) => sum + count, 0);
    });
    expect(written).toBe(1);
  });

  it("throws its memory away when storing fails, so that the batch can come again", async () => {
    const stats = statsObject("broken");
    await stats.ingest(batchOf(BUSY));
    await runInDurableObject(stats, async (instance, state) => {
      const abort = vi.spyOn(state, "abort").mockImplementation(() => undefined);
      vi.spyOn(state.storage.sql, "exec").mockImplementation(() => {
        throw new Error("disk full");
      });
      await expect(instance.ingest(batchOf({ ...BUSY, seq: 2 }))).rejects.toThrow("disk full");
      expect(abort).toHaveBeenCalledOnce();
    });
  });
});

describe("Stats dashboards", () => {
  it("sends a snapshot on connect and echoes the subprotocol alone", async () => {
    const stats = statsObject("connect");
    await stats.ingest(batchOf(BUSY));
    const viewer = await openSocket(stats, { "Sec-WebSocket-Protocol": "causeway.v1, bearer.c2VjcmV0" });
    expect(viewer.response.headers.get("Sec-WebSocket-Protocol")).toBe("causeway.v1");
    const snapshot = await until(() => snapshots(viewer)[0]);
    expect(snapshot).toMatchObject({ totals: { down: 100 }, active: 1, connections: [{ id: "s-1" }] });
    expect(snapshot.series.points).toHaveLength(STATS_LIMITS.SERIES_POINTS);
    viewer.socket.close();
  });

  it("sends snapshots by alarm while somebody watches, and none after", async () => {
    const stats = statsObject("alarm");
    expect(await alarmOf(stats)).toBeNull();
    const viewer = await openSocket(stats);
    await until(() => snapshots(viewer).length > 0);
    // The alarm also goes off by itself, at any moment: what counts is that each one sends and sets the next.
    for (let round = 0; round < 3; round++) {
      await vi.waitFor(async () => expect(await alarmOf(stats)).not.toBeNull());
      const seen = snapshots(viewer).length;
      await runDurableObjectAlarm(stats);
      await until(() => snapshots(viewer).length > seen);
    }
    viewer.socket.close(1000, "bye");
    await until(() => viewer.ended.length === 1);
    await runDurableObjectAlarm(stats);
    await vi.waitFor(async () => expect(await alarmOf(stats)).toBeNull());
    expect(await runDurableObjectAlarm(stats)).toBe(false);
  });

  it("goes on sending after an eviction", async () => {
    const stats = statsObject("hibernate");
    const viewer = await openSocket(stats);
    await until(() => snapshots(viewer).length > 0);
    await evictDurableObject(stats);
    await stats.ingest(batchOf(BUSY));
    await until(() => snapshots(viewer).some((snapshot) => snapshot.totals.down === 100));
    viewer.socket.close();
  });

  it("tells connection events at once", async () => {
    const stats = statsObject("events");
    const viewer = await openSocket(stats);
    const closed = { ...flowRecord(), ended_at: 5, reason: "done" as const };
    await stats.ingest(batchOf({ ...BUSY, opened: [flowRecord()] }));
    await until(() => connectionEvents(viewer)[0]?.opened[0]?.id === "s-1");
    await stats.ingest(batchOf({ seq: 2, closed: [closed], events_dropped: 3 }));
    const events = await until(() => connectionEvents(viewer).find((message) => message.closed.length > 0));
    expect(events).toMatchObject({ opened: [], closed: [closed], dropped: 3 });
    viewer.socket.close();
  });

  it("puts events that come fast into one bounded message", async () => {
    const stats = statsObject("bounded");
    const viewer = await openSocket(stats);
    const opened = Array.from({ length: 60 }, (_, i) => flowRecord({ id: `f-${i}` }));
    await Promise.all([1, 2, 3, 4].map((seq) => stats.ingest(batchOf({ seq, opened }))));
    await until(() => connectionEvents(viewer).length === 2);
    const [first, second] = connectionEvents(viewer);
    expect(first).toMatchObject({ opened: { length: 60 }, dropped: 0 });
    expect(second).toMatchObject({ opened: { length: STATS_LIMITS.EVENTS_MESSAGE_MAX }, dropped: 80 });
    viewer.socket.close();
  });

  it("answers pings without a message reaching it, and closes a dashboard that talks", async () => {
    const stats = statsObject("talk");
    const viewer = await openSocket(stats);
    viewer.socket.send("ping");
    await until(() => viewer.texts.includes("pong"));
    viewer.socket.send("hello");
    expect(await until(() => viewer.ended[0])).toEqual({ code: 1008, reason: "unexpected_message" });
  });

  it("closes a dashboard 1013 that does not keep up", async () => {
    const stats = statsObject("lagging");
    const viewer = await openSocket(stats);
    await runInDurableObject(stats, async (_, state) => {
      const [socket] = state.getWebSockets();
      if (!socket) throw new Error("Cannot find the viewer's socket");
      vi.spyOn(state, "getWebSockets").mockReturnValue([
        new Proxy(socket, {
          get(target, key) {
            if (key === "bufferedAmount") return STATS_LIMITS.SOCKET_BUFFER_BYTES + 1;
            const value: unknown = Reflect.get(target, key, target);
            return typeof value === "function" ? value.bind(target) : value;
          },
        }),
      ]);
    });
    await runDurableObjectAlarm(stats);
    expect(await until(() => viewer.ended[0])).toEqual({ code: 1013, reason: "viewer_lagging" });
  });

  it("refuses what is no upgrade", async () => {
    const response = await statsObject("plain").fetch(new Request("http://object.test/"));
    expect(response.status).toBe(426);
  });

  it("refuses more dashboards than the bound with 503", async () => {
    const stats = statsObject("full");
    await runInDurableObject(stats, async (_, state) => {
      const socket = { readyState: WebSocket.OPEN } as WebSocket;
      const sockets = new Array<WebSocket>(STATS_LIMITS.VIEWERS_MAX).fill(socket);
      vi.spyOn(state, "getWebSockets").mockReturnValue(sockets);
    });
    const request = new Request("http://object.test/", { headers: { Upgrade: "websocket" } });
    const response = await stats.fetch(request);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "too_many_viewers" } });
  });
});

describe("Stats.setLink", () => {
  const link = {
    name: "main",
    connected: true,
    since: 1,
    version: "1.0",
    inbounds: ["mixed 127.0.0.1:1080"],
  };

  it("shows links, and after a restart those that are gone as down", async () => {
    const stats = statsObject("links");
    await stats.setLink(link);
    expect((await stats.snapshot()).links).toEqual([link]);
    await evictDurableObject(stats);
    await vi.waitFor(async () => {
      expect((await stats.snapshot()).links).toMatchObject([{ name: "main", connected: false }]);
    });
  });
});

describe("nextSnapshotAt", () => {
  it("falls right after a step of the series has become whole", () => {
    const settled = STATS_LIMITS.SERIES_SETTLE_MS;
    expect(nextSnapshotAt(10_000)).toBe(10_000 + settled);
    expect(nextSnapshotAt(10_000 + settled)).toBe(12_000 + settled);
  });
});
