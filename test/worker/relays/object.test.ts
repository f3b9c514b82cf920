import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LINK_LIMITS } from "../../../shared/limits.ts";
import type { RelayStatus } from "../../../worker/relays/object.ts";
import { Stats } from "../../../worker/stats/object.ts";
import { relaysObject, rootStats, until } from "../stats/support.ts";
import { connect, greeted, INBOUNDS, linkState, say, socksBatch } from "./support.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Relays", () => {
  it("welcomes a relay, echoes the subprotocol alone, and shows its link up and down", async () => {
    const link = await greeted("updown");
    expect(link.response.headers.get("Sec-WebSocket-Protocol")).toBe("causeway.v1");
    expect(await linkState("updown")).toMatchObject({
      connected: true,
      version: "1.2.3",
      inbounds: INBOUNDS,
    });
    link.socket.close(1000, "");
    await vi.waitFor(async () => expect(await linkState("updown")).toMatchObject({ connected: false }));
    expect(await until(() => link.ended[0])).toMatchObject({ code: 1000 });
  });

  it("acknowledges a batch that is in the totals, and a repeated one without counting it again", async () => {
    const before = (await rootStats().snapshot()).totals.down;
    const link = await greeted("batches");
    const batch = socksBatch({ source: "life-1" });
    for (let i = 1; i <= 2; i++) {
      say(link, { type: "batch", batch });
      await until(() => link.texts.filter((text) => text === '{"type":"ack","seq":1}').length === i);
      expect((await rootStats().snapshot()).totals.down).toBe(before + 50);
    }
    link.socket.close();
  });

  it("keeps relays' sources apart, whatever id they claim", async () => {
    const before = (await rootStats().snapshot()).totals.down;
    for (const name of ["one", "two"]) {
      const link = await greeted(name, "same");
      say(link, { type: "batch", batch: socksBatch({ source: "same" }) });
      await until(() => link.texts.includes('{"type":"ack","seq":1}'));
      link.socket.close();
    }
    expect((await rootStats().snapshot()).totals.down).toBe(before + 100);
  });

  it("forgets the connections of a relay's former life when it comes back, and keeps what they counted", async () => {
    const before = await rootStats().snapshot();
    const former = await greeted("reborn", "life-1");
    say(former, { type: "batch", batch: socksBatch({ source: "life-1" }) });
    await until(() => former.texts.includes('{"type":"ack","seq":1}'));
    const again = await greeted("reborn", "life-1");
    expect((await rootStats().snapshot()).active).toBe(before.active + 1);
    const reborn = await greeted("reborn", "life-2");
    expect(await rootStats().snapshot()).toMatchObject({
      active: before.active,
      lost_sources: before.lost_sources + 1,
      totals: { down: before.totals.down + 50 },
    });
    for (const link of [former, again, reborn]) link.socket.close();
  });

  it("goes on after an eviction", async () => {
    const link = await greeted("evicted", "evicted");
    await evictDurableObject(relaysObject());
    say(link, { type: "batch", batch: socksBatch({ source: "evicted" }) });
    await until(() => link.texts.includes('{"type":"ack","seq":1}'));
    expect(await relaysObject().connected()).toContain("evicted");
    link.socket.close();
  });

  it("closes the older link when a relay connects again, and leaves it shown as up", async () => {
    const older = await greeted("twice");
    const newer = await greeted("twice");
    expect(await until(() => older.ended[0])).toEqual({ code: 4001, reason: "link_replaced" });
    older.socket.close();
    say(newer, { type: "batch", batch: socksBatch() });
    await until(() => newer.texts.includes('{"type":"ack","seq":1}'));
    expect(await linkState("twice")).toMatchObject({ connected: true });
    newer.socket.close();
  });

  it("acknowledges nothing that is not durable: it closes 1013, and the batch comes again", async () => {
    const link = await greeted("failing");
    vi.spyOn(Stats.prototype, "ingest").mockRejectedValueOnce(new Error("disk full"));
    say(link, { type: "batch", batch: socksBatch() });
    expect(await until(() => link.ended[0])).toEqual({ code: 1013, reason: "stats_unavailable" });
    expect(link.texts.some((text) => text.includes("ack"))).toBe(false);
  });

  it("answers pings by the platform and closes a link that stops sending them", async () => {
    const link = await greeted("pings");
    link.socket.send("ping");
    await until(() => link.texts.includes("pong"));
    const now = Date.now();
    await runInDurableObject(relaysObject(), async (instance) => {
      vi.spyOn(Date, "now").mockReturnValue(now + LINK_LIMITS.SILENT_MS - 1_000);
      await instance.alarm();
      expect(link.ended).toEqual([]);
      vi.spyOn(Date, "now").mockReturnValue(now + LINK_LIMITS.SILENT_MS + 5_000);
      await instance.alarm();
    });
    expect(await until(() => link.ended[0])).toEqual({ code: 4002, reason: "link_silent" });
    expect(await linkState("pings")).toMatchObject({ connected: false });
  });

  it("gives an order to the relay of that name alone, and hands its answer back", async () => {
    const [ours, other] = [await greeted("ordered"), await greeted("bystander")];
    const answer = relaysObject().order("ordered", { do: "close", connection: "c-1" });
    const { id, order } = JSON.parse(await until(() => ours.texts[1])) as { id: string; order: object };
    expect(order).toEqual({ do: "close", connection: "c-1" });
    const report = { ok: true, report: { closed: "c-1", more: "than asked for" } };
    // Another relay cannot answer for this one.
    say(other, { type: "answer", id, answer: { ok: false, error: { code: "internal", message: "" } } });
    say(ours, { type: "answer", id: "never-given", answer: report });
    say(ours, { type: "answer", id, answer: report });
    expect(await answer).toEqual({ ok: true, report: { closed: "c-1" } });
    expect(other.texts).toEqual(['{"type":"welcome"}']);
    for (const link of [ours, other]) link.socket.close();
  });

  it.each([
    ["a report of another order", { ok: true, report: { closed: 7 } }, "relay_answer_invalid"],
    ["a refusal", { ok: false, error: { code: "port_taken", message: "taken by me" } }, "port_taken"],
  ])("takes %s for what it is", async (_, answer, code) => {
    const link = await greeted("answering");
    const outcome = relaysObject().order("answering", { do: "close", connection: "c-1" });
    const { id } = JSON.parse(await until(() => link.texts[1])) as { id: string };
    say(link, { type: "answer", id, answer });
    expect(await outcome).toMatchObject({ ok: false, error: { code } });
    link.socket.close();
  });

  it("refuses an order to a relay that is not there, or goes before it answers", async () => {
    const missing = await relaysObject().order("nobody", { do: "status" });
    expect(missing).toMatchObject({ ok: false, error: { code: "relay_not_connected" } });
    const link = await greeted("leaving");
    const outcome = relaysObject().order("leaving", { do: "status" });
    await until(() => link.texts[1]);
    link.socket.close(1000, "");
    expect(await outcome).toMatchObject({ ok: false, error: { code: "relay_not_connected" } });
  });

  it("asks all relays at once how they are, and waits for none for long", async () => {
    const [quick, mute] = [await greeted("quick"), await greeted("mute")];
    const statuses = relaysObject().status();
    const { id } = JSON.parse(await until(() => quick.texts[1])) as { id: string };
    const report = { name: "quick", version: "1", started_at: 1, connections: 0, inbounds: [] };
    say(quick, { type: "answer", id, answer: { ok: true, report } });
    const known = (await statuses) as RelayStatus[];
    const byName = new Map(known.map(({ name, answer }) => [name, answer]));
    expect(byName.get("quick")).toEqual({ ok: true, report });
    expect(byName.get("mute")).toMatchObject({ ok: false, error: { code: "relay_silent" } });
    for (const link of [quick, mute]) link.socket.close();
  });

  it("shows what listens as the relay tells it later", async () => {
    const link = await greeted("changing");
    say(link, { type: "inbounds", inbounds: ["socks 127.0.0.1:1081"] });
    await vi.waitFor(async () =>
      expect(await linkState("changing")).toMatchObject({
        connected: true,
        inbounds: ["socks 127.0.0.1:1081"],
      }),
    );
    link.socket.close();
  });

  it("shows the sessions of its tunnels", async () => {
    const link = await greeted("tunnelling");
    const session = { role: "client", name: "far", remote: "192.0.2.1:7000", engine: "offload" };
    const tunnels = [{ ...session, rtt_ms: 50, loss: 0.01, rate: 1e6, streams: 3 }];
    say(link, { type: "tunnels", tunnels });
    await vi.waitFor(async () => expect(await linkState("tunnelling")).toMatchObject({ tunnels }));
    link.socket.close();
  });

  it.each([
    ["text that is no JSON", "{", 1008, "message_malformed"],
    ["an unknown type", '{"type":"reboot"}', 1008, "message_malformed"],
    [
      "a batch with a negative count",
      JSON.stringify({ type: "batch", batch: socksBatch({ seq: -1 }) }),
      1008,
    ],
    [
      "a batch before the hello",
      JSON.stringify({ type: "batch", batch: socksBatch() }),
      1008,
      "hello_expected",
    ],
    [
      "another relay's name",
      JSON.stringify({ type: "hello", name: "other", source: "s", version: "", inbounds: [] }),
      1008,
      "relay_name_mismatch",
    ],
    ["binary", new Uint8Array(3), 1003, "text_expected"],
    ["a message past the bound", " ".repeat(LINK_LIMITS.MESSAGE_BYTES_MAX + 1), 1009, "message_too_large"],
  ])("refuses %s", async (_, message, code, reason = "message_malformed") => {
    const link = await connect("hostile");
    link.socket.send(message);
    expect(await until(() => link.ended[0])).toEqual({ code, reason });
    expect(await linkState("hostile")).toBeUndefined();
  });

  it("refuses what is no upgrade, or names no relay", async () => {
    const plain = new Request("http://object.test/", { headers: { "X-Causeway-Relay": "main" } });
    expect((await relaysObject().fetch(plain)).status).toBe(426);
    const nameless = new Request("http://object.test/", { headers: { Upgrade: "websocket" } });
    expect((await relaysObject().fetch(nameless)).status).toBe(426);
  });
});
