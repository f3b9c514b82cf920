// Packet headers: what is one, where it ends, and that no bytes can make reading throw or run over.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  connectionKey,
  isSameId,
  PACKET_KINDS,
  PacketView,
  readPacket,
  writeDataHeader,
  writeHandshakeHeader,
  writeReset,
} from "../../../../relay/udpack/wire/packet.ts";
import { viewOf } from "../parties.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function dataPacket(number: number, payloadBytes: number, phase = 0): Uint8Array {
  const packet = new Uint8Array(payloadBytes + 35);
  writeDataHeader(packet, 0, { phase, id: ID, number }, payloadBytes);
  return packet;
}

describe("readPacket", () => {
  it("reads what writeDataHeader wrote", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 48 - 1 }),
        fc.integer({ min: 1, max: 1_500 }),
        fc.nat(9),
        (number, bytes, phase) => {
          const packet = dataPacket(number, bytes, phase);
          const view = viewOf(packet);
          expect(view).toMatchObject({
            kind: PACKET_KINDS.data,
            number,
            phase: phase % 4,
            end: packet.length,
          });
          expect(isSameId(ID, packet, view?.idAt)).toBe(true);
        },
      ),
    );
  });

  it("walks through several packets of one buffer", () => {
    const response = new Uint8Array(100);
    writeHandshakeHeader(response, PACKET_KINDS.response, ID, 100);
    const parts = [dataPacket(7, 10), response, dataPacket(8, 1), writeReset(ID, new Uint8Array(16))];
    const buffer = Buffer.concat(parts);
    const view = new PacketView();
    const kinds: number[] = [];
    for (let at = 0; readPacket(buffer, at, view); at = view.end) kinds.push(view.kind);
    expect(kinds).toEqual([PACKET_KINDS.data, PACKET_KINDS.response, PACKET_KINDS.data, PACKET_KINDS.reset]);
    expect(view.bytes().length).toBe(25);
  });

  it.each([
    ["nothing", []],
    ["an unknown kind", [0x60, ...new Array(100).fill(0)]],
    ["a bit beside the phase", [0x44, ...dataPacket(0, 9).subarray(1)]],
    ["a bit in a reset", [0x51, ...new Array(24).fill(0)]],
    ["a data packet without payload", [...dataPacket(0, 0)]],
    ["a data packet that runs over", [...dataPacket(0, 9).subarray(0, 43)]],
    ["a number of 2^48", [...dataPacket(0, 9).subarray(0, 11), 0, 1, ...dataPacket(0, 9).subarray(13)]],
    ["an initiation that is too short", [0x10, 1, 0, 0, ...new Array(1_195).fill(0)]],
    ["an initiation of another version", [0x10, 2, 0, 0, ...new Array(1_196).fill(0)]],
    ["an initiation without its zeros", [0x10, 1, 0, 1, ...new Array(1_196).fill(0)]],
    ["a response that says no length", [0x20, 1, 0, 0, ...new Array(200).fill(0)]],
    ["a response without payload", [0x20, 1, 0, 76, ...new Array(72).fill(0)]],
    ["a response that is too long", [0x20, 1, 4, 0x99, ...new Array(1_200).fill(0)]],
  ])("refuses %s", (_name, bytes) => {
    expect(viewOf(Uint8Array.from(bytes))).toBeUndefined();
  });

  it("never throws, and never finds a packet beyond the buffer", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0x10, 0x20, 0x30, 0x40, 0x41, 0x50, 0xff),
        fc.uint8Array({ maxLength: 1_300 }),
        fc.nat(40),
        (flags, bytes, offset) => {
          bytes[offset] = flags;
          const view = new PacketView();
          if (!readPacket(bytes, offset, view)) return;
          expect(view.end).toBeLessThanOrEqual(bytes.length);
          expect(view.end).toBeGreaterThan(view.start);
        },
      ),
    );
  });
});

describe("connectionKey", () => {
  it("tells ids apart by their first six bytes, and isSameId by all", () => {
    const other = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9);
    expect(connectionKey(ID)).toBe(0x010203040506);
    expect(connectionKey(other)).toBe(connectionKey(ID));
    expect(isSameId(ID, other)).toBe(false);
  });
});
