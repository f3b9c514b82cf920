import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { FAILOVER_LIMITS } from "../../../../shared/limits.ts";
import type { SourceReport } from "../../../../worker/hls/object/failover-store.ts";
import { bindings } from "../../access/support.ts";

const PLAN = { epoch: 1, name: "two", count: 2, failbackMs: 60_000 };
const ENTRY = { from: 50, discontinuity: 0, first: 48, last: 53 };

function object(name: string) {
  const stub = bindings.CHANNEL.getByName(name);
  const report = (news: Partial<SourceReport> = {}) => stub.sources({ plan: PLAN, heads: [], ...news });
  return { stub, report };
}

describe("ChannelObject.sources", () => {
  it("answers one fault, told by many, with one switch that outlives an eviction", async () => {
    const { stub, report } = object("ch_one_switch");
    expect(await report({ heads: [["stream", 10, 0]] })).toMatchObject({
      fits: true,
      generation: 0,
      source: 0,
    });
    const replies = await Promise.all([report({ failed: 0 }), report({ failed: 0 }), report({ failed: 0 })]);
    expect(replies.map(({ generation, source }) => [generation, source])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    await report({ enter: { track: "stream", generation: 1, entry: ENTRY } });
    await evictDurableObject(stub);
    const later = await report({ enter: { track: "stream", generation: 1, entry: { ...ENTRY, from: 53 } } });
    expect(later).toMatchObject({
      generation: 1,
      source: 1,
      numberings: [{ track: "stream", numbering: { from: 50, offset: -39, discontinuity: 1 } }],
    });
  });

  it("tells one isolate at a time to try the preferred source", async () => {
    const { report } = object("ch_trial");
    expect((await report({ failed: 0 })).trial).toBe(0);
    expect((await report()).trial).toBeUndefined();
  });

  it("does not mix up sources with an isolate that has an older list of them", async () => {
    const { report } = object("ch_lists");
    await report({ plan: { ...PLAN, epoch: 2, name: "others" } });
    expect(await report({ failed: 0 })).toMatchObject({ fits: false, generation: 0 });
  });

  it("forgets everything once nobody has asked for a day, and not before", async () => {
    const { stub, report } = object("ch_lapsed");
    await report({ failed: 0 });
    await evictDurableObject(stub);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect((await report()).generation).toBe(1);
    await runInDurableObject(stub, async (_, state) => {
      await state.storage.put("asked_at", Date.now() - FAILOVER_LIMITS.LAPSE_MS - 1);
    });
    await evictDurableObject(stub);
    await runDurableObjectAlarm(stub);
    expect((await report()).generation).toBe(0);
  });
});
