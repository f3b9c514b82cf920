import * as v from "valibot";
import { describe, expect, it, vi } from "vitest";
import { ChannelSchema } from "../../../../shared/config/schema.ts";
import type { Exchange } from "../../../../worker/exchange.ts";
import type { SourceReport } from "../../../../worker/hls/object/failover-store.ts";
import {
  currentState,
  noteHead,
  sourceInUse,
  takeTrial,
  tell,
  tellFailed,
} from "../../../../worker/hls/object/state.ts";

function channel(id: string, ...sources: string[]) {
  return v.parse(ChannelSchema, { id, sources: sources.map((name) => `http://${name}.test/i.m3u8`) });
}

const REPLY = { fits: true, generation: 0, source: 0, numberings: [], pins: [], trial: undefined };

/** An exchange whose channel object answers what `answer` says; every report is remembered. */
function exchange(answer: (news: SourceReport) => object | Promise<object>, epoch = 1) {
  const reports: SourceReport[] = [];
  const sources = async (news: SourceReport) => {
    reports.push(news);
    return { ...REPLY, ...(await answer(news)) };
  };
  const x = {
    env: { CHANNEL: { getByName: () => ({ sources }) } },
    ctx: { waitUntil: () => undefined },
    config: { epoch },
  } as unknown as Exchange;
  return { x, reports };
}

describe("currentState", () => {
  it("never asks for a channel with one source", async () => {
    const { x, reports } = exchange(() => ({}));
    const single = channel("ch_single", "a");
    expect(await currentState(x, single)).toMatchObject({ generation: 0, source: 0 });
    expect([sourceInUse(single), reports.length]).toEqual([0, 0]);
  });

  it("asks once for all requests that come together, and not again for a while", async () => {
    const { x, reports } = exchange(() => ({ generation: 1, source: 1 }));
    const two = channel("ch_together", "a", "b");
    const states = await Promise.all([currentState(x, two), currentState(x, two), currentState(x, two)]);
    expect(states.map(({ source }) => source)).toEqual([1, 1, 1]);
    await currentState(x, two);
    expect([reports.length, sourceInUse(two)]).toEqual([1, 1]);
  });

  it("goes by the last known source when the object fails, and tells it later what it has not heard", async () => {
    let fails = false;
    const { x, reports } = exchange(() =>
      fails ? Promise.reject(new Error("overloaded")) : { source: 1, generation: 1 },
    );
    const two = channel("ch_fails", "a", "b");
    await currentState(x, two);
    fails = true;
    noteHead(two, "stream", { segment: 7, discontinuity: 0 });
    expect((await tell(x, two, "renew", {})).source).toBe(1);
    noteHead(two, "stream", { segment: 8, discontinuity: 0 });
    fails = false;
    await tell(x, two, "renew", {});
    expect(reports.at(-1)?.heads).toEqual([["stream", 8, 0]]);
  });

  it("tells what viewers have seen of the sources before a push with the sources after it", async () => {
    const { x } = exchange(() => ({}));
    noteHead(channel("ch_pushed", "a", "b"), "stream", { segment: 9, discontinuity: 1 });
    await currentState(x, channel("ch_other", "a", "b"));
    const later = exchange(() => ({}), 2);
    await currentState(later.x, channel("ch_pushed", "c", "d"));
    expect(later.reports[0]?.heads).toEqual([["stream", 9, 1]]);
  });
});

describe("tell", () => {
  it("takes no answer that has been overtaken by a later one", async () => {
    const slow = Promise.withResolvers<object>();
    const { x } = exchange(({ failed }) =>
      failed === undefined ? slow.promise : { generation: 1, source: 1 },
    );
    const two = channel("ch_late", "a", "b");
    const first = tell(x, two, "renew", {});
    await tell(x, two, "failed 0", { failed: 0 });
    slow.resolve({ generation: 0, source: 0 });
    expect((await first).source).toBe(1);
  });

  it("hands a trial out once", async () => {
    const { x } = exchange(() => ({ generation: 1, source: 1, trial: 0 }));
    const two = channel("ch_try", "a", "b");
    await tell(x, two, "renew", {});
    expect([takeTrial(two), takeTrial(two)]).toEqual([0, undefined]);
  });
});

describe("tellFailed", () => {
  it("does not ask again for a moment when nothing else is to be had", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { x, reports } = exchange(() => ({}));
    const two = channel("ch_nothing", "a", "b");
    for (let n = 0; n < 5; n++) await tellFailed(x, two, 0);
    expect(reports).toHaveLength(1);
    vi.advanceTimersByTime(1_001);
    await tellFailed(x, two, 0);
    expect(reports).toHaveLength(2);
    vi.useRealTimers();
  });
});
