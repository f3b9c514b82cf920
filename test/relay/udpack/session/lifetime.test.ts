// The session machine: when it speaks, and how it ends.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FRAME } from "../../../../relay/udpack/wire/frames.ts";
import { UDPACK_STREAM_LIMITS } from "../../../../shared/limits.ts";
import { End, framesOf, PARAMETERS, pair, settle, withStream } from "./pair.ts";

describe("Session: when it speaks", () => {
  it("acknowledges once per batch, and adds a PING to every 20th packet that only acknowledges", () => {
    const { client, server, id } = withStream("");
    const answers: string[] = [];
    for (let i = 0; i < 25; i++) {
      client.session.write(id, Buffer.from("x"));
      const batch = client.pull(i * 10);
      server.take(batch, i * 10);
      const sent = server.pull(i * 10);
      expect(sent).toHaveLength(1);
      answers.push(sent.flatMap(framesOf).join("+"));
      client.take(sent, i * 10 + 1);
    }
    expect(answers.filter((names) => names === "ack+ping")).toHaveLength(1);
    expect(answers[19]).toBe("ack+ping");
    expect(new Set(answers)).toEqual(new Set(["ack", "ack+ping"]));
  });

  it("never answers a packet that only acknowledges", () => {
    const { client, server, id } = withStream();
    settle({ client, server }, 0);
    expect(client.session.wantsToSend(100)).toBe(false);
    expect(server.session.wantsToSend(100)).toBe(false);
    expect(id).toBe(0);
  });

  it("sends a PING after 15 s of silence while a stream is open, and none without", () => {
    const { client, server } = withStream();
    const now = settle({ client, server }, 0);
    expect(client.session.deadline(now)).toBeLessThanOrEqual(now + 15_000);
    const at = client.session.deadline(now);
    client.session.onTimeout(at);
    expect(client.pull(at).flatMap(framesOf)).toEqual(["ping"]);
    const { client: silent } = pair();
    expect(silent.session.deadline(0)).toBe(60_000);
    const kept = new End({ role: "client", keepAliveAlways: true });
    expect(kept.session.deadline(0)).toBe(15_000);
  });

  it("asks once whether the peer is there when that falls silent amid what it sends, if told to", () => {
    const client = new End({ role: "client", stallMs: 3_000 });
    const server = new End({ role: "server" });
    const id = client.session.openStream() ?? -1;
    client.session.write(id, Buffer.from("give"));
    settle({ client, server }, 0);
    server.session.write(id, Buffer.from("some"));
    client.take(server.pull(1_000), 1_000);
    client.pull(1_001);
    expect(client.session.deadline(1_001)).toBe(4_000);
    client.session.onTimeout(4_000);
    const asked = client.pull(4_000);
    expect(asked.flatMap(framesOf)).toEqual(["ping"]);
    // Unanswered it counts as a probe does, long before the keep-alive would.
    expect(client.session.deadline(4_000)).toBeLessThan(5_500);
    server.take(asked, 4_005);
    client.take(server.pull(4_005), 4_010);
    expect(client.session.deadline(4_010)).toBe(4_000 + 15_000);
  });

  it("answers PATH_CHALLENGE with the same bytes, and only the newest of many", () => {
    const { client, server } = pair();
    client.session.challenge(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    settle({ client, server }, 0);
    expect(client.news()).toEqual(["response 12345678"]);
    const flood = Buffer.concat(
      Array.from({ length: 100 }, (_, i) => Buffer.alloc(9, i).fill(FRAME.path_challenge, 0, 1)),
    );
    server.take([{ number: 50, payload: flood }], 100);
    const names = server.pull(100).flatMap(framesOf);
    expect(names.filter((name) => name === "pathResponse")).toHaveLength(
      UDPACK_STREAM_LIMITS.PATH_RESPONSES_MAX,
    );
  });

  it("fills a probe to its size, and counts it as sent", () => {
    const { client, server } = pair();
    const into = new Uint8Array(1_400).fill(9);
    expect(client.session.pullProbe(0, into, 0)).toBe(1_400);
    expect(framesOf({ number: 0, payload: into })).toEqual(["ping"]);
    expect(client.session.stats().bytesInFlight).toBe(1_435);
    server.take([{ number: 0, payload: into }], 5);
    client.take(server.pull(5), 10);
    expect(client.session.stats().bytesInFlight).toBe(0);
  });

  it("carries datagrams of open streams only", () => {
    const { client, server, id } = withStream();
    expect(client.session.sendDatagram(id + 2, undefined, Buffer.alloc(1))).toBe(false);
    // Long after the last packet: how long a datagram waits is counted from when it was given.
    const now = settle({ client, server }, 0) + 10_000;
    expect(client.session.sendDatagram(id, { host: "192.0.2.1", port: 53 }, Buffer.alloc(3_000))).toBe(true);
    settle({ client, server }, now);
    expect(server.datagrams).toEqual([`${id} 192.0.2.1:53 3000`]);
  });
});

describe("Session: how it ends", () => {
  it("is over for both when both close at once: neither answers the other's CLOSE", () => {
    const { client, server } = pair();
    client.session.close("none", "");
    server.session.close("limit", "");
    const [ours, theirs] = [client.pull(0), server.pull(0)];
    client.take(theirs, 1_000);
    server.take(ours, 1_000);
    expect([...client.pull(1_000), ...server.pull(1_000)]).toEqual([]);
    expect(client.session.isForgotten(1_000)).toBe(true);
    expect(client.news()).toEqual(["closed none "]);
  });

  it("sends CLOSE, answers what still comes at most once per round trip, and is forgotten after three PTOs", () => {
    const { client, server } = withStream();
    const now = settle({ client, server }, 0, 20) + 5_000;
    const { pto } = client.session;
    client.session.close("going_away", "bye");
    expect(client.news()).toEqual(["closed going_away bye"]);
    const close = client.pull(now);
    expect(close.map(framesOf)).toEqual([["close"]]);
    expect(client.session.wantsToSend(now)).toBe(false);
    server.session.write(0, Buffer.from("x"));
    const late = server.pull(now);
    client.take(late, now + 1);
    expect(client.pull(now + 1)).toEqual([]);
    client.take(late, now + 100);
    expect(client.pull(now + 100).map(framesOf)).toEqual([["close"]]);
    expect(client.session.isForgotten(now + 3 * pto - 1)).toBe(false);
    expect(client.session.deadline(now + 100)).toBeCloseTo(now + 3 * pto);
    expect(client.session.isForgotten(client.session.deadline(now + 100))).toBe(true);
    server.take(close, now + 5);
    expect(server.news()).toContain("closed going_away bye by peer");
    expect(server.session.isForgotten(now + 5)).toBe(true);
    expect(server.session.openStream()).toBeUndefined();
  });

  it("ends without a word when nothing is heard for the smaller idle time-out", () => {
    const { client } = pair({ peer: { ...PARAMETERS, idleTimeoutMs: 20_000 } });
    expect(client.session.deadline(0)).toBe(20_000);
    client.session.onTimeout(19_999);
    expect(client.news()).toEqual([]);
    client.session.onTimeout(20_000);
    expect(client.news()).toEqual(["closed idle "]);
    expect(client.pull(20_000)).toEqual([]);
  });

  const violations: [string, number[]][] = [
    ["frame_malformed", [0x0c]],
    ["frame_malformed", [FRAME.stream, 0]],
    // Data beyond the credit of a stream, and a stream beyond the allowed number.
    ["flow_control", [FRAME.stream, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9]],
    ["flow_control", [FRAME.stream, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0]],
    // A stream of the server's that it never opened.
    ["stream_state", [FRAME.stop, 0, 0, 0, 1, 0, 0]],
    ["ack_invalid", [FRAME.ack, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0]],
    [
      "final_size",
      [
        FRAME.stream_last,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        FRAME.stream,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
      ],
    ],
  ];
  it.each(violations)("ends with %s for what a peer must not send", (code, bytes) => {
    const { server } = pair();
    server.take([{ number: 0, payload: Uint8Array.from(bytes) }], 0);
    expect(server.news()).toContain(`closed ${code} `);
    expect(server.pull(0).map(framesOf)).toEqual([["close"]]);
  });

  it("never throws, and stays within its bounds, whatever frames come", () => {
    const types = fc.constantFrom(...Object.values(FRAME));
    const small = fc.constantFrom(0, 0, 0, 1, 2, 3, 8, 255);
    const frame = fc
      .tuple(types, fc.array(small, { minLength: 6, maxLength: 24 }))
      .map(([type, rest]) => [type, ...rest]);
    fc.assert(
      fc.property(fc.array(fc.array(frame, { maxLength: 6 }), { maxLength: 30 }), (packets) => {
        const { server } = pair();
        packets.forEach((frames, number) => {
          server.take([{ number, payload: Uint8Array.from(frames.flat()) }], number);
          server.read(0);
          server.session.write(0, Buffer.from("answer"));
          server.pull(number);
          if (server.session.deadline(number) <= number) server.session.onTimeout(number);
        });
        expect(server.session.stats().streams).toBeLessThanOrEqual(PARAMETERS.maxStreams);
      }),
      { numRuns: 500 },
    );
  });
});
