// Datagrams: cut into fragments, put together again, dropped when they come too late or in pieces that make no sense.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DatagramSender } from "../../../../relay/udpack/streams/datagrams.ts";
import { DatagramReassembly } from "../../../../relay/udpack/streams/reassembly.ts";
import type { DatagramAddress } from "../../../../relay/udpack/wire/datagram-address.ts";
import { type DatagramView, decodeFrames, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";
import { UDPACK_STREAM_LIMITS } from "../../../../shared/limits.ts";

const { DATAGRAMS_WAITING_MS, REASSEMBLIES_MAX, REASSEMBLY_MS } = UDPACK_STREAM_LIMITS;

function receiver() {
  const got: { association: number; address: DatagramAddress | undefined; data: Buffer }[] = [];
  const reassembly = new DatagramReassembly((association, address, data) =>
    got.push({ association, address, data: Buffer.from(data) }),
  );
  const take = (payload: Uint8Array, now = 0) => {
    const visitor = { datagram: (view: DatagramView) => reassembly.add(view, now) } as FrameVisitor;
    expect(decodeFrames(payload, visitor)).toBe(true);
  };
  return { got, reassembly, take };
}

function view(
  packetId: number,
  fragment: number,
  fragments: number,
  data = Uint8Array.of(fragment),
): DatagramView {
  return { association: 2, packetId, fragment, fragments, address: Uint8Array.of(0), data };
}

/** Packets of `room` bytes, of which the first `used` are taken by something else in every third. */
function packets(sender: DatagramSender, room: number, used: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let i = 0; sender.hasWork(0); i++) {
    const packet = new Uint8Array(room);
    const at = i % 3 === 0 ? used : 0;
    const end = sender.write(packet, at, 0);
    list.push(packet.subarray(at, end));
    expect(list.length).toBeLessThan(500);
  }
  return list;
}

describe("DatagramSender and DatagramReassembly", () => {
  it("bring datagrams of any size over, in any order of packets", () => {
    const datagram = fc.record({
      size: fc.oneof(fc.nat(1_400), fc.nat(30_000)),
      host: fc.constantFrom(undefined, "192.0.2.1", "2001:db8::2", "a.example"),
    });
    fc.assert(
      fc.property(
        fc.array(datagram, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1_100, max: 1_400 }),
        fc.nat(1_000),
        fc.boolean(),
        (list, room, used, reversed) => {
          const sender = new DatagramSender();
          const { got, take } = receiver();
          list.forEach(({ size, host }, i) => {
            const address = host === undefined ? undefined : { host, port: i };
            expect(sender.push(6, address, Buffer.alloc(size, i + 1))).toBe(true);
          });
          const sent = packets(sender, room, used);
          for (const packet of reversed ? sent.reverse() : sent) take(packet);
          expect(sender.dropped).toBe(0);
          const expected = list.map(({ size, host }, i) => `${size} ${i + 1} ${host} ${host ? i : ""}`);
          const actual = got.map(
            ({ data, address }) =>
              `${data.length} ${data[0] ?? expected.findIndex((e) => e.startsWith("0 ")) + 1} ${address?.host} ${address?.port ?? ""}`,
          );
          if (list.every(({ size }) => size > 0)) expect(actual.sort()).toEqual(expected.sort());
          else expect(actual).toHaveLength(expected.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("drop what has waited too long, and the oldest of too much", () => {
    const sender = new DatagramSender();
    sender.push(2, undefined, Buffer.alloc(10));
    expect(sender.hasWork(0)).toBe(true);
    expect(sender.hasWork(DATAGRAMS_WAITING_MS)).toBe(true);
    expect(sender.hasWork(DATAGRAMS_WAITING_MS + 1)).toBe(false);
    for (let i = 0; i < 10; i++) sender.push(2, undefined, Buffer.alloc(60_000, i));
    expect(sender.dropped).toBe(1 + 6);
    for (let i = 0; i < 5_000; i++) sender.push(2, undefined, Buffer.alloc(0));
    expect(packets(sender, 1_165, 0).length).toBeLessThan(200);
  });

  it("refuse what no number of fragments can carry, and names that are too long", () => {
    const sender = new DatagramSender();
    expect(sender.push(2, undefined, Buffer.alloc(65_508))).toBe(false);
    expect(sender.push(2, { host: "x".repeat(256), port: 1 }, Buffer.alloc(1))).toBe(false);
    expect(sender.push(2, undefined, Buffer.alloc(65_507))).toBe(true);
    expect(sender.write(new Uint8Array(1_000), 0, 0)).toBe(0);
    expect(sender.dropped).toBe(1);
  });

  it("carry the largest datagram that UDP has over the smallest packets", () => {
    const sender = new DatagramSender();
    sender.push(2, { host: "x".repeat(255), port: 1 }, Buffer.alloc(65_507));
    const sent = packets(sender, 1_165, 0);
    expect(sender.dropped).toBe(0);
    expect(sent.length).toBeLessThanOrEqual(64);
  });

  it("give up a datagram whose packets became smaller under way", () => {
    const sender = new DatagramSender();
    sender.push(2, undefined, Buffer.alloc(2_600));
    expect(sender.write(new Uint8Array(1_400), 0, 0)).toBe(1_400);
    expect(sender.write(new Uint8Array(1_165), 0, 0)).toBe(0);
    expect(sender.dropped).toBe(1);
  });
});

describe("DatagramReassembly", () => {
  it("keeps a bounded number of sets, and the newest of them", () => {
    const { got, reassembly } = receiver();
    for (let id = 0; id < 2 * REASSEMBLIES_MAX; id++) reassembly.add(view(id, 0, 2), 0);
    expect(reassembly.dropped).toBe(REASSEMBLIES_MAX);
    reassembly.add(view(REASSEMBLIES_MAX, 1, 2), 0);
    expect(got).toHaveLength(1);
  });

  it("waits two seconds for fragments", () => {
    const { got, reassembly } = receiver();
    reassembly.add(view(1, 0, 2), 10);
    expect(reassembly.deadline).toBe(10 + REASSEMBLY_MS);
    reassembly.expire(10 + REASSEMBLY_MS);
    expect(reassembly.deadline).toBe(Number.POSITIVE_INFINITY);
    reassembly.add(view(1, 1, 2), 20 + REASSEMBLY_MS);
    expect(got).toHaveLength(0);
  });

  it("drops sets whose fragments disagree, or that grow larger than a datagram can be", () => {
    const { got, reassembly } = receiver();
    reassembly.add(view(1, 0, 3), 0);
    reassembly.add(view(1, 1, 2), 0);
    expect(reassembly.dropped).toBe(1);
    for (let i = 0; i < 3; i++) reassembly.add(view(2, i, 4, new Uint8Array(30_000)), 0);
    expect(reassembly.dropped).toBe(2);
    reassembly.add(view(3, 0, 2), 0);
    reassembly.add(view(3, 0, 2, Uint8Array.of(99)), 0);
    reassembly.add(view(3, 1, 2), 0);
    expect(got.map(({ data }) => [...data])).toEqual([[0, 1]]);
  });

  it("never throws on any views", () => {
    const { reassembly } = receiver();
    const views = fc.record({
      association: fc.nat(3),
      packetId: fc.nat(3),
      fragment: fc.nat(3),
      address: fc.constantFrom(
        Uint8Array.of(0),
        Uint8Array.of(1, 1, 0xff, 0, 1),
        Uint8Array.of(4, 1, 2, 3, 4, 0, 5),
      ),
      data: fc.uint8Array({ maxLength: 10 }),
      more: fc.nat(3),
    });
    fc.assert(fc.property(views, (v) => reassembly.add({ ...v, fragments: v.fragment + 1 + v.more }, 0)));
  });
});
