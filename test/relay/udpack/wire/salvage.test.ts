// Reads in which a stranger's datagram lies between a client's.

import { describe, expect, it } from "vitest";
import {
  DATA_OVERHEAD_BYTES,
  PACKET_KINDS,
  PacketView,
  readPacket,
  writeDataHeader,
} from "../../../../relay/udpack/wire/packet.ts";
import { salvage } from "../../../../relay/udpack/wire/salvage.ts";

const OWN = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
const OTHER = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1);

/** A packet of 100 bytes, or one that says that it is longer. */
function packet(number: number, id = OWN, claims = 100): Buffer {
  const bytes = Buffer.alloc(100, 0xee);
  writeDataHeader(bytes, 0, { phase: 0, id, number }, claims - DATA_OVERHEAD_BYTES);
  return bytes;
}

/** The numbers of the packets that are found, where those with a number of 100 or more do not open. */
function found(...parts: readonly Buffer[]): { numbers: number[]; opened: number } {
  const read = Buffer.concat(parts);
  const view = new PacketView();
  const numbers: number[] = [];
  let opened = 0;
  const take = (): boolean => {
    if (view.kind !== PACKET_KINDS.data || !OWN.every((byte, i) => read[view.idAt + i] === byte))
      return false;
    opened += view.end - view.start;
    if (view.number >= 100) return false;
    numbers.push(view.number);
    return true;
  };
  let at = 0;
  while (readPacket(read, at, view) && take()) at = view.end;
  if (at < read.length) salvage(read, at, OWN, view, take);
  return { numbers, opened };
}

describe("salvage", () => {
  it("finds the packets behind noise, forged packets and those of others", () => {
    const noise = Buffer.alloc(100, 0x77);
    expect(found(noise, packet(1), packet(2)).numbers).toEqual([1, 2]);
    expect(found(packet(1), noise, noise, packet(2), noise, packet(3)).numbers).toEqual([1, 2, 3]);
    expect(found(packet(200), packet(1), packet(201), packet(2)).numbers).toEqual([1, 2]);
    expect(found(packet(3, OTHER), packet(4)).numbers).toEqual([4]);
  });

  it("finds those that a forged length covers", () => {
    expect(found(packet(7, OTHER, 400), packet(1), packet(2), packet(3)).numbers).toEqual([1, 2, 3]);
    expect(found(packet(300, OWN, 300), packet(1), packet(2)).numbers).toEqual([1, 2]);
  });

  it("opens a bounded part in vain, however much overlaps", () => {
    const overlapping = Array.from({ length: 600 }, (_, n) => packet(1_000 + n, OWN, 60_000 - n * 100));
    const { numbers, opened } = found(...overlapping);
    expect(numbers).toEqual([]);
    expect(opened).toBeLessThanOrEqual(4 * 60_000);
  });

  it("ends where there is nothing more", () => {
    expect(found(Buffer.alloc(5)).numbers).toEqual([]);
    expect(found(packet(1), Buffer.from(OWN)).numbers).toEqual([1]);
  });
});
