// The object behind a transport stream channel, over the real directory; its origin is answered here, in place of fetch.

import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { TS_LIMITS } from "../../../shared/limits.ts";
import { shardName } from "../../../shared/ts/shards.ts";
import type { Env } from "../../../worker/env.ts";
import { callJoin, type JoinRole } from "../../../worker/ts/join.ts";
import { readPackets, StreamMaker } from "../../support/transport-stream.ts";
import { push, testDocument } from "../control/support.ts";

const CHANNELS = [
  "tree",
  "full",
  "probe",
  "evicted",
  "failing",
  "unknown",
  "file",
  "second",
  "outage",
  "stalled",
] as const;
const { TS_CHANNEL } = env as unknown as Env;

/** What the origin answers, by channel, and the bodies under way. */
const answers = new Map<string, () => Response>();
let asked: string[] = [];
const bodies = new Set<ReadableStreamDefaultController<Uint8Array>>();

beforeAll(async () => {
  const channels = CHANNELS.filter((name) => name !== "unknown").map((name) => ({
    id: `ch_${name}`,
    kind: "ts",
    sources: [`http://origin.test/${name}`],
  }));
  await push(await testDocument({ channels }));
});

beforeEach(() => {
  asked = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { pathname } = new URL(String(input));
    asked.push(pathname);
    return answers.get(pathname)?.() ?? new Response(null, { status: 404 });
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  bodies.clear();
});

/** A stream that sends one group at once, and then what the test says. */
function live(): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new StreamMaker().group());
      bodies.add(controller);
    },
  });
  return new Response(body);
}

function join(name: string, role: JoinRole = "viewer", shard = 0) {
  return callJoin({ TS_CHANNEL }, { channel: `ch_${name}`, shard, role });
}

async function firstBytes(name: string, shard = 0): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const reply = await join(name, "viewer", shard);
  if (reply.type === "full" || !reply.body) throw new Error("There is no stream");
  const reader = reply.body.getReader();
  const { value = new Uint8Array(0) } = await reader.read();
  expect(readPackets(value)[0]?.pid).toBe(0);
  return reader;
}

/** Reads until the stream ends; rejects when it breaks. */
async function readOn(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

describe("TsChannel", () => {
  it("pulls further objects' streams from the first, and the first's from the origin", async () => {
    answers.set("/tree", live);
    const readers = await Promise.all([70, 8, 0, 3].map((shard) => firstBytes("tree", shard)));
    expect(asked).toEqual(["/tree"]);
    await Promise.all(readers.map((reader) => reader.cancel()));
  });

  it("refuses viewers beyond its bound, and takes further objects all the same, up to theirs", async () => {
    answers.set("/full", live);
    const seats = Array.from({ length: TS_LIMITS.VIEWERS_PER_OBJECT }, () => join("full"));
    expect((await Promise.all(seats)).every(({ type }) => type === "joined")).toBe(true);
    expect((await join("full")).type).toBe("full");
    expect((await join("full", "probe")).type).toBe("full");
    const children = Array.from({ length: TS_LIMITS.CHILDREN_MAX }, () => join("full", "object"));
    expect((await Promise.all(children)).every(({ type }) => type === "joined")).toBe(true);
    expect((await join("full", "object")).type).toBe("full");
    expect(asked).toEqual(["/full"]);
  });

  it("gives a leaver's place to the next", async () => {
    answers.set("/second", live);
    const readers = await Promise.all(
      Array.from({ length: TS_LIMITS.VIEWERS_PER_OBJECT }, () => firstBytes("second")),
    );
    expect((await join("second")).type).toBe("full");
    await readers[0]?.cancel();
    await vi.waitFor(async () => expect((await join("second")).type).toBe("joined"));
  });

  it("tells a probe that there is a stream, and takes no place for it", async () => {
    answers.set("/probe", live);
    for (let index = 0; index <= TS_LIMITS.VIEWERS_PER_OBJECT; index++)
      expect(await join("probe", "probe")).toEqual({ type: "joined", body: null, isShared: index > 0 });
    expect(asked).toEqual(["/probe"]);
  });

  it("breaks its viewers' streams when it is evicted, and never ends them as if they were whole", async () => {
    answers.set("/evicted", live);
    const reader = await firstBytes("evicted");
    const stub = TS_CHANNEL.getByName(shardName("ch_evicted", 0));
    await runInDurableObject(stub, (_, state) => state.abort("evicted")).catch(() => undefined);
    await expect(readOn(reader)).rejects.toThrow();
  });

  it("keeps its viewers while the origin is away, but not for ever", async () => {
    answers.set("/outage", live);
    const reader = await firstBytes("outage");
    answers.set("/outage", () => new Response(null, { status: 503 }));
    for (const body of bodies) body.close();
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2), { timeout: 5_000 });
    const { value = new Uint8Array(0) } = await reader.read();
    readPackets(value);
    vi.setSystemTime(Date.now() + TS_LIMITS.OUTAGE_MS_MAX);
    await expect(readOn(reader)).rejects.toThrow();
  });

  it("cuts a viewer off that has not taken what it was written for a while", async () => {
    answers.set("/stalled", live);
    const reply = await join("stalled");
    if (reply.type === "full" || !reply.body) throw new Error("There is no stream");
    await scheduler.wait(50);
    vi.setSystemTime(Date.now() + TS_LIMITS.WRITE_TIMEOUT_MS);
    await scheduler.wait(2 * TS_LIMITS.TICK_MS);
    await expect(readOn(reply.body.getReader())).rejects.toThrow();
  });

  it("asks a failed origin once for all who come within a second", async () => {
    answers.set("/failing", () => new Response("busy", { status: 458 }));
    const codes = await Promise.all(
      Array.from({ length: 5 }, () => join("failing").catch((error: { code: string }) => error.code)),
    );
    codes.push(await join("failing").catch((error: { code: string }) => error.code));
    expect(codes).toEqual(Array.from({ length: 6 }, () => "origin_status"));
    expect(asked).toEqual(["/failing"]);
  });

  it("does not play a channel that is not configured", async () => {
    await expect(join("unknown")).rejects.toMatchObject({ code: "channel_unknown" });
    await expect(join("unknown", "viewer", 3)).rejects.toMatchObject({ code: "channel_unknown" });
    expect(asked).toEqual([]);
  });

  it("reads a file no faster than its foremost viewer, whatever the origin's pace", async () => {
    const group = new StreamMaker().group(200);
    let sent = 0;
    answers.set(
      "/file",
      () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull(controller) {
              sent += group.byteLength;
              controller.enqueue(group);
            },
          }),
        ),
    );
    const reader = await firstBytes("file");
    await scheduler.wait(500);
    const ahead = sent;
    expect(ahead).toBeLessThan(TS_LIMITS.WINDOW_BYTES_MAX);
    for (let read = 0; read < ahead; ) {
      const { value } = await reader.read();
      read += value?.byteLength ?? Number.POSITIVE_INFINITY;
    }
    await vi.waitFor(() => expect(sent).toBeGreaterThan(ahead));
    await reader.cancel();
  });
});
