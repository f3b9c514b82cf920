// Moves an MPEG-TS segment in time: presentation and decoding stamps, clock references and continuity counters,
// so that a looped recording plays on without a discontinuity. ISO/IEC 13818-1. Pure: bytes in, bytes out.

import {
  adaptationBytes,
  byteAt,
  hasPayload,
  PACKET_BYTES,
  pidOf,
  SYNC_BYTE,
  startsUnit,
} from "../../shared/ts/packet.ts";

const STAMP_MODULUS = 2 ** 33;

/** Payload packets per PID, which is by how much each PID's continuity counter advances. */
export type PacketCounts = ReadonlyMap<number, number>;

/** Where a segment is moved: by how many ticks of 90 kHz, and by how many earlier packets of each PID. */
export interface Shift {
  readonly ticks: number;
  readonly packets: PacketCounts;
}

/**
 * Counts the packets with payload of each PID.
 * @throws {RangeError} when the bytes are no whole MPEG-TS packets.
 */
export function countPackets(segment: Uint8Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const packet of packetsOf(segment)) {
    if (!hasPayload(packet)) continue;
    const pid = pidOf(packet);
    counts.set(pid, (counts.get(pid) ?? 0) + 1);
  }
  return counts;
}

/** A copy of the segment, moved. Time stamps wrap at 2^33 ticks as the standard has it. */
export function shiftSegment(segment: Uint8Array, shift: Shift): Uint8Array {
  const copy = Uint8Array.from(segment);
  for (const packet of packetsOf(copy)) {
    shiftContinuity(packet, shift.packets.get(pidOf(packet)) ?? 0);
    shiftClockReference(packet, shift.ticks);
    shiftPesStamps(packet, shift.ticks);
  }
  return copy;
}

function* packetsOf(segment: Uint8Array): Generator<Uint8Array> {
  if (segment.length % PACKET_BYTES !== 0) {
    throw new RangeError(`Cannot read an MPEG-TS segment of ${segment.length} bytes: want a multiple of 188`);
  }
  for (let at = 0; at < segment.length; at += PACKET_BYTES) {
    if (segment[at] !== SYNC_BYTE)
      throw new RangeError(`Cannot read an MPEG-TS packet at ${at}: no sync byte`);
    yield segment.subarray(at, at + PACKET_BYTES);
  }
}

function shiftContinuity(packet: Uint8Array, by: number): void {
  const head = byteAt(packet, 3);
  packet[3] = (head & 0xf0) | ((head + by) & 0x0f);
}

/** program_clock_reference_base: 33 bits at byte 6, behind the flags of the adaptation field. */
function shiftClockReference(packet: Uint8Array, ticks: number): void {
  if (adaptationBytes(packet) < 8 || (byteAt(packet, 5) & 0x10) === 0) return;
  const view = new DataView(packet.buffer, packet.byteOffset + 6, 5);
  const base = wrap(view.getUint32(0) * 2 + (view.getUint8(4) >> 7) + ticks);
  view.setUint32(0, Math.floor(base / 2));
  view.setUint8(4, (view.getUint8(4) & 0x7f) | ((base % 2) << 7));
}

/** PTS and DTS of the PES packet that starts in this packet, if one does. */
function shiftPesStamps(packet: Uint8Array, ticks: number): void {
  const pes = packet.subarray(4 + adaptationBytes(packet));
  const isPes = byteAt(pes, 0) === 0 && byteAt(pes, 1) === 0 && byteAt(pes, 2) === 1;
  if (!startsUnit(packet) || !hasPayload(packet) || !isPes || pes.length < 19) return;
  const flags = byteAt(pes, 7) >> 6;
  if (flags & 0b10) shiftStamp(pes.subarray(9, 14), ticks);
  if (flags === 0b11) shiftStamp(pes.subarray(14, 19), ticks);
}

/** 4 bits of prefix, then 33 bits as 3 + 15 + 15, each part followed by a marker bit. */
function shiftStamp(field: Uint8Array, ticks: number): void {
  const high = (byteAt(field, 0) >> 1) & 0x07;
  const middle = (byteAt(field, 1) << 7) | (byteAt(field, 2) >> 1);
  const low = (byteAt(field, 3) << 7) | (byteAt(field, 4) >> 1);
  const stamp = wrap(high * 2 ** 30 + middle * 2 ** 15 + low + ticks);
  const upper = Math.floor(stamp / 2 ** 15);
  const lower = stamp % 2 ** 15;
  field[0] = (byteAt(field, 0) & 0xf1) | ((upper >> 15) << 1);
  field[1] = (upper >> 7) & 0xff;
  field[2] = ((upper & 0x7f) << 1) | 1;
  field[3] = lower >> 7;
  field[4] = ((lower & 0x7f) << 1) | 1;
}

function wrap(stamp: number): number {
  return ((stamp % STAMP_MODULUS) + STAMP_MODULUS) % STAMP_MODULUS;
}
