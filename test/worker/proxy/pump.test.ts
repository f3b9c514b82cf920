// The pump with sockets that a test plays by hand: what real ones do only after minutes or under megabytes of backlog.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PROXY_LIMITS } from "../../../shared/limits.ts";
import { pumpSockets } from "../../../worker/proxy/pump.ts";

class FakeSocket extends EventTarget {
  binaryType = "blob";
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  closed: [number | undefined, string | undefined] | undefined;

  accept(): void {}

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    this.closed = [code, reason];
  }

  says(data: string | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** Without `wasClean` no close frame has come. */
  ends(code: number, reason = "", wasClean = code !== 1006): void {
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}

const IDLE_MS = 60_000;

let client: FakeSocket;
let upstream: FakeSocket;
const onMessage = vi.fn();
const onTick = vi.fn();
const onEnd = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  client = new FakeSocket();
  upstream = new FakeSocket();
  pumpSockets({
    client: client as unknown as WebSocket,
    upstream: upstream as unknown as WebSocket,
    idleMs: IDLE_MS,
    onMessage,
    onTick,
    onEnd,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("pumpSockets", () => {
  it("closes both sides 1008 by order, though nobody says anything", async () => {
    const [near, far] = [new FakeSocket(), new FakeSocket()];
    const cut = Promise.withResolvers<string>();
    pumpSockets({
      client: near as unknown as WebSocket,
      upstream: far as unknown as WebSocket,
      cut: cut.promise,
      idleMs: IDLE_MS,
      onMessage,
      onTick,
      onEnd,
    });
    cut.resolve("connection_closed");
    await cut.promise;
    expect([near.closed, far.closed]).toEqual([
      [1008, "connection_closed"],
      [1008, "connection_closed"],
    ]);
    near.ends(1008);
    expect(onEnd).toHaveBeenCalledExactlyOnceWith({ reason: "closed", code: 1008, by: "edge" });
    near.says("late");
    expect(far.sent).toEqual([]);
  });

  it("tells each message with its payload bytes and the side it came from, text as UTF-8", () => {
    client.says("é😀");
    upstream.says(new ArrayBuffer(5));
    expect(onMessage.mock.calls).toEqual([
      ["client", 6, Date.now()],
      ["upstream", 5, Date.now()],
    ]);
    expect(upstream.sent).toEqual(["é😀"]);
  });

  it("closes both sides 1013 instead of sending more to one that does not read", () => {
    client.bufferedAmount = PROXY_LIMITS.SOCKET_BUFFER_BYTES;
    upstream.says("fits");
    client.bufferedAmount++;
    upstream.says("x");
    expect(client.sent).toEqual(["fits"]);
    expect(onMessage).toHaveBeenCalledOnce();
    expect([client.closed?.[0], upstream.closed?.[0]]).toEqual([1013, 1013]);
  });

  it.each([
    ["the client has read and answered it", () => Object.assign(client, { bufferedAmount: 0 }).ends(1013)],
    ["the client has gone", () => client.ends(1006)],
  ])("ends after such a close only when %s, and stays in the stats until then", (_when, resolve) => {
    client.bufferedAmount = PROXY_LIMITS.SOCKET_BUFFER_BYTES + 1;
    upstream.says("x");
    vi.advanceTimersByTime(3 * PROXY_LIMITS.SOCKET_TICK_MS);
    expect(onTick.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(onEnd).not.toHaveBeenCalled();
    resolve();
    vi.advanceTimersByTime(PROXY_LIMITS.SOCKET_TICK_MS);
    expect(onEnd.mock.calls).toEqual([[{ reason: "closed", code: 1013, by: "edge" }]]);
  });

  it("gives a side its own code back when the other never answers its close", () => {
    client.ends(4000, "bye");
    expect(upstream.closed).toEqual([4000, "bye"]);
    expect(client.closed).toBeUndefined();
    vi.advanceTimersByTime(PROXY_LIMITS.SOCKET_CLOSE_WAIT_MS);
    expect(client.closed).toEqual([4000, "bye"]);
    expect(onEnd.mock.calls).toEqual([[{ reason: "done", code: 4000, by: "client" }]]);
  });

  it("hands the other side's own answer back", () => {
    client.ends(4000, "bye");
    upstream.ends(4001, "so long");
    expect(client.closed).toEqual([4001, "so long"]);
    expect(onEnd.mock.calls).toEqual([[{ reason: "done", code: 4000, by: "client" }]]);
  });

  it("sends nothing after a close", () => {
    client.ends(1000);
    client.says("late");
    expect(upstream.sent).toEqual([]);
  });

  it("tells a broken client as aborted, and the upstream 1001", () => {
    client.ends(1006);
    upstream.ends(1001);
    expect(upstream.closed?.[0]).toBe(1001);
    expect(onEnd.mock.calls).toEqual([[{ reason: "aborted", code: 1001, by: "client" }]]);
  });

  it("answers a close that only says that it is none: its connection is open, and so is its backlog", () => {
    client.ends(1006, "", true);
    upstream.ends(1001);
    expect([upstream.closed?.[0], client.closed?.[0]]).toEqual([1001, 1001]);
    expect(onEnd.mock.calls).toEqual([[{ reason: "done", code: 1001, by: "client" }]]);
  });

  it("tells a close without a code as 1005, and sends none either", () => {
    upstream.ends(1005);
    client.ends(1005);
    expect(client.closed).toEqual([undefined, undefined]);
    expect(onEnd.mock.calls).toEqual([[{ reason: "done", code: 1005, by: "upstream" }]]);
  });

  it("ends once and tells a broken upstream as failed, however many events follow", () => {
    upstream.ends(1006);
    client.ends(1011);
    client.ends(1011);
    upstream.dispatchEvent(new Event("error"));
    expect(onEnd.mock.calls).toEqual([[{ reason: "failed", code: 1011, by: "upstream" }]]);
    vi.advanceTimersByTime(IDLE_MS * 2);
    expect(onTick).not.toHaveBeenCalled();
  });

  it("shows a silent socket to the stats, and closes it 1001 after idleMs", () => {
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(onTick.mock.calls.length).toBe(5);
    expect(client.closed).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect([client.closed?.[0], upstream.closed?.[0]]).toEqual([1001, 1001]);
    client.ends(1001);
    expect(onEnd.mock.calls).toEqual([[{ reason: "idle", code: 1001, by: "edge" }]]);
  });

  it("goes on showing a client that answers no close, until it has gone", () => {
    upstream.ends(4000);
    vi.advanceTimersByTime(PROXY_LIMITS.SOCKET_CLOSE_WAIT_MS + 2 * PROXY_LIMITS.SOCKET_TICK_MS);
    expect(onTick.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(onEnd).not.toHaveBeenCalled();
    client.ends(1006);
    expect(onEnd.mock.calls).toEqual([[{ reason: "done", code: 4000, by: "upstream" }]]);
  });

  it("counts idle time from the last message", () => {
    vi.advanceTimersByTime(IDLE_MS - 1);
    upstream.says("x");
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(onEnd).not.toHaveBeenCalled();
  });
});
