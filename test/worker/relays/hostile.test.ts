// Whoever holds a relay's token, rightly or not: what it can say, and what it cannot.

import { afterEach, describe, expect, it, vi } from "vitest";
import { AudiencePlaces } from "../../../shared/flow/audience.ts";
import type { Batch, ServiceDelta } from "../../../shared/flow/batch.ts";
import { ChannelTally } from "../../../shared/flow/channel.ts";
import { Stats } from "../../../worker/stats/object.ts";
import { flowRecord, serviceDelta } from "../../shared/flow/batches.ts";
import { rootStats, until } from "../stats/support.ts";
import { greeted, say, socksBatch } from "./support.ts";

const ACK = '{"type":"ack","seq":1}';

function socks(service: string): ServiceDelta {
  return serviceDelta({ service, kind: "socks", requests: 1, down: 7 });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a relay's token", () => {
  it("counts what a relay says of others' services as other, so that it changes no figure of theirs", async () => {
    const owner = await greeted("owner");
    say(owner, { type: "batch", batch: socksBatch({ services: [socks("owner/mixed")] }) });
    await until(() => owner.texts.includes(ACK));
    const thief = await greeted("thief");
    const active = [flowRecord({ id: "t-1", kind: "socks", service: "owner/mixed" })];
    const services = [socks("owner/mixed"), socks("thief/mixed")];
    say(thief, { type: "batch", batch: socksBatch({ services, active }) });
    await until(() => thief.texts.includes(ACK));
    const snapshot = await rootStats().snapshot();
    const down = (name: string) => snapshot.services.find(({ service }) => service === name)?.down;
    expect([down("owner/mixed"), down("thief/mixed")]).toEqual([7, 7]);
    expect(snapshot.connections.find(({ id }) => id === "t-1")?.service).toBe("other");
    for (const link of [owner, thief]) link.socket.close();
  });

  it.each([
    ["a host's bytes", { services: [serviceDelta({ kind: "http", down: 9 })] }, "message_malformed"],
    [
      "a channel's viewers",
      { services: [{ ...socks("a/b"), channel: new ChannelTally(new AudiencePlaces(1)).toDelta() }] },
      "message_malformed",
    ],
    ["a connection of the edge", { active: [flowRecord({ kind: "ws" })] }, "message_malformed"],
    [
      "a time that is no date",
      { active: [flowRecord({ kind: "socks", started_at: Number.MAX_SAFE_INTEGER })] },
      "message_malformed",
    ],
    ["a batch of another source", { source: "life-2" }, "source_mismatch"],
  ])("refuses a batch with %s, and counts nothing of it", async (_, fields, reason) => {
    const link = await greeted("forger");
    const before = (await rootStats().snapshot()).totals;
    say(link, { type: "batch", batch: socksBatch(fields as Partial<Batch>) });
    expect(await until(() => link.ended[0])).toEqual({ code: 1008, reason });
    expect((await rootStats().snapshot()).totals).toEqual(before);
  });

  it("takes one hello, and one batch at a time", async () => {
    const twice = await greeted("hello-again");
    say(twice, { type: "hello", name: "hello-again", source: "life-2", version: "", inbounds: [] });
    expect(await until(() => twice.ended[0])).toEqual({ code: 1008, reason: "hello_repeated" });
    const hasty = await greeted("hasty");
    const gate = Promise.withResolvers<{ ack: number }>();
    vi.spyOn(Stats.prototype, "ingest").mockReturnValueOnce(gate.promise);
    for (const seq of [1, 2]) say(hasty, { type: "batch", batch: socksBatch({ seq }) });
    expect(await until(() => hasty.ended[0])).toEqual({ code: 1008, reason: "batch_too_early" });
    gate.resolve({ ack: 1 });
  });

  it("refuses tunnels with numbers that are infinite: no page could show them", async () => {
    const link = await greeted("infinite");
    const session = {
      role: "client",
      name: "far",
      remote: "r",
      engine: "offload",
      loss: 0,
      rate: 0,
      streams: 0,
    };
    const text = JSON.stringify({ type: "tunnels", tunnels: [{ ...session, rtt_ms: 0 }] });
    link.socket.send(text.replace('"rtt_ms":0', '"rtt_ms":1e999'));
    expect(await until(() => link.ended[0])).toEqual({ code: 1008, reason: "message_malformed" });
  });
});
