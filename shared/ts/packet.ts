// The fields of one transport stream packet (ISO/IEC 13818-1 section 2.4.3.2), and packets that the proxy makes itself.
// Pure: no function throws, whatever the bytes.
//
//    0         1                              3
//   +------+---+-----------------------------+------------------------+----------------+---------
//   | 0x47 | error, unit start, priority, PID | scrambling, has, count | adaptation ... | payload
//   +------+---------------------------------+------------------------+----------------+---------
//       8    1      1           1          13       2        2     4

export const PACKET_BYTES = 188;
export const SYNC_BYTE = 0x47;
export const PAT_PID = 0;
/** Packets of this PID are stuffing that every receiver drops. */
const NULL_PID = 0x1fff;
const HEADER_BYTES = 4;

/** The byte at `at`; 0 behind the end. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** The 16-bit number at `at`. */
export function uint16At(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

export function pidOf(packet: Uint8Array): number {
  return uint16At(packet, 1) & 0x1fff;
}

export function isNull(packet: Uint8Array): boolean {
  return pidOf(packet) === NULL_PID;
}

/** True when a section or PES packet begins in this packet. */
export function startsUnit(packet: Uint8Array): boolean {
  return (byteAt(packet, 1) & 0x40) !== 0;
}

export function hasPayload(packet: Uint8Array): boolean {
  return (byteAt(packet, 3) & 0x10) !== 0;
}

/** The continuity counter, 0 to 15; it rises with each packet of a PID that has a payload. */
export function counterOf(packet: Uint8Array): number {
  return byteAt(packet, 3) & 0x0f;
}

/** Length of the adaptation field with its length byte; 0 when there is none. */
export function adaptationBytes(packet: Uint8Array): number {
  return (byteAt(packet, 3) & 0x20) === 0 ? 0 : byteAt(packet, 4) + 1;
}

/** The payload; empty when there is none, or the adaptation field claims more than the packet has. */
export function payloadOf(packet: Uint8Array): Uint8Array {
  if (!hasPayload(packet)) return packet.subarray(PACKET_BYTES);
  return packet.subarray(Math.min(HEADER_BYTES + adaptationBytes(packet), PACKET_BYTES), PACKET_BYTES);
}

/** random_access_indicator: the unit that begins here can be decoded without anything before it. */
export function isRandomAccess(packet: Uint8Array): boolean {
  return adaptationBytes(packet) > 1 && (byteAt(packet, 5) & 0x40) !== 0;
}

function header(packet: Uint8Array, pid: number, flags: number, last: number): void {
  packet[0] = SYNC_BYTE;
  packet[1] = flags | (pid >> 8);
  packet[2] = pid & 0xff;
  packet[3] = last;
}

/**
 * A packet without payload whose discontinuity_indicator says that counters, and on the clock's PID the clock, jump here.
 * `next`: the packet of the same PID that follows; seen from this one its counter is right.
 */
export function discontinuityBefore(next: Uint8Array): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES).fill(0xff);
  const counter = (counterOf(next) - (hasPayload(next) ? 1 : 0)) & 0x0f;
  header(packet, pidOf(next), 0, 0x20 | counter);
  packet[4] = PACKET_BYTES - HEADER_BYTES - 1;
  packet[5] = 0x80;
  return packet;
}

/** A packet of nothing, for receivers that must not take silence for the end. */
export function nullPacket(): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES).fill(0xff);
  header(packet, NULL_PID, 0, 0x10);
  return packet;
}

/**
 * A section as packets of its own. `lastCounter` is the counter that the last of them gets, so that the stream's next packet
 * of this PID continues it.
 */
export function sectionPackets(pid: number, section: Uint8Array, lastCounter: number): Uint8Array {
  const room = PACKET_BYTES - HEADER_BYTES;
  const count = Math.ceil((section.byteLength + 1) / room);
  const packets = new Uint8Array(count * PACKET_BYTES).fill(0xff);
  for (let index = 0; index < count; index++) {
    const packet = packets.subarray(index * PACKET_BYTES, (index + 1) * PACKET_BYTES);
    header(packet, pid, index === 0 ? 0x40 : 0, 0x10 | ((lastCounter - count + 1 + index) & 0x0f));
    // pointer_field: the section begins right behind it.
    if (index === 0) packet[HEADER_BYTES] = 0;
    const from = index === 0 ? 0 : index * room - 1;
    packet.set(section.subarray(from, (index + 1) * room - 1), HEADER_BYTES + (index === 0 ? 1 : 0));
  }
  return packets;
}
