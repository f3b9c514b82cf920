// Makes transport streams for tests, and reads them, written apart from the code under test.

const PACKET = 188;
export const PMT_PID = 0x1000;
export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
const H264 = 0x1b;

/** NAL units as they begin: start code and header. */
export const NAL = {
  idr: [0, 0, 1, 0x65],
  delta: [0, 0, 1, 0x41],
  parameters: [0, 0, 1, 0x67],
  delimiter: [0, 0, 1, 0x09, 0xf0],
} as const;

export interface UnitOptions {
  readonly pid?: number;
  /** What the unit holds behind its PES header. */
  readonly payload?: readonly number[];
  /** random_access_indicator in the first packet. */
  readonly flagged?: boolean;
  /** Packets of the unit. */
  readonly packets?: number;
  /** Byte that the rest is filled with. */
  readonly fill?: number;
}

/** One programme that goes on; its counters rise as they must. */
export class StreamMaker {
  readonly #counters = new Map<number, number>();
  readonly #streams: readonly (readonly [type: number, pid: number])[];

  constructor(
    streams: readonly (readonly [type: number, pid: number])[] = [
      [H264, VIDEO_PID],
      [0x0f, AUDIO_PID],
    ],
  ) {
    this.#streams = streams;
  }

  tables(): Uint8Array {
    return concat([this.pat(), this.pmt()]);
  }

  pat(pid: number = PMT_PID): Uint8Array {
    return this.section(0, [0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | (pid >> 8), pid & 0xff]);
  }

  pmt(pid: number = PMT_PID): Uint8Array {
    const entries = this.#streams.flatMap(([type, at]) => [type, 0xe0 | (at >> 8), at & 0xff, 0xf0, 0]);
    const [, first = 0] = this.#streams[0] ?? [];
    const head = [0, 1, 0xc1, 0, 0, 0xe0 | (first >> 8), first & 0xff, 0xf0, 0];
    return this.section(pid, [2, 0xb0, head.length + entries.length + 4, ...head, ...entries]);
  }

  /** A section with its CRC, in one packet. */
  section(pid: number, bytes: readonly number[]): Uint8Array {
    return this.packet(pid, [0, ...bytes, ...crc(bytes)], { starts: true, fill: 0xff });
  }

  unit(options: UnitOptions = {}): Uint8Array {
    const { pid = VIDEO_PID, payload = NAL.delta, flagged = false, packets = 3, fill = 0x55 } = options;
    const header = [0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1];
    const parts = [this.packet(pid, [...header, ...payload], { starts: true, flagged, fill })];
    for (let index = 1; index < packets; index++) parts.push(this.packet(pid, [], { fill }));
    return concat(parts);
  }

  /** Tables, a keyframe and some pictures and sound behind it. */
  group(pictures = 4, fill = 0x55): Uint8Array {
    const parts = [
      this.tables(),
      this.unit({ payload: [...NAL.parameters, ...NAL.idr], flagged: true, fill }),
    ];
    for (let index = 0; index < pictures; index++)
      parts.push(this.unit({ fill }), this.unit({ pid: AUDIO_PID, payload: [0xff, 0xf1], packets: 1, fill }));
    return concat(parts);
  }

  packet(
    pid: number,
    payload: readonly number[],
    options: { starts?: boolean; flagged?: boolean; fill?: number } = {},
  ): Uint8Array {
    const { starts = false, flagged = false, fill = 0x55 } = options;
    const counter = ((this.#counters.get(pid) ?? -1) + 1) & 15;
    this.#counters.set(pid, counter);
    const packet = new Uint8Array(PACKET).fill(fill);
    const control = flagged ? 0x30 : 0x10;
    packet.set([0x47, (starts ? 0x40 : 0) | (pid >> 8), pid & 0xff, control | counter]);
    if (flagged) packet.set([1, 0x40], 4);
    packet.set(payload, flagged ? 6 : 4);
    return packet;
  }
}

export interface SeenPacket {
  readonly pid: number;
  readonly starts: boolean;
  readonly counter: number;
  readonly hasPayload: boolean;
  /** random_access_indicator and discontinuity_indicator. */
  readonly flagged: boolean;
  readonly jumps: boolean;
  readonly bytes: Uint8Array;
}

/** All packets; throws when the bytes are no whole packets. */
export function readPackets(bytes: Uint8Array): SeenPacket[] {
  const packets: SeenPacket[] = [];
  for (let at = 0; at < bytes.byteLength; at += PACKET) {
    const packet = bytes.subarray(at, at + PACKET);
    const [sync, high = 0, low = 0, control = 0, length = 0, flags = 0] = packet;
    if (packet.byteLength < PACKET || sync !== 0x47) throw new Error(`no packet at ${at}`);
    const shown = (control & 0x20) !== 0 && length > 0 ? flags : 0;
    packets.push({
      pid: ((high & 0x1f) << 8) | low,
      starts: (high & 0x40) !== 0,
      counter: control & 15,
      hasPayload: (control & 0x10) !== 0,
      flagged: (shown & 0x40) !== 0,
      jumps: (shown & 0x80) !== 0,
      bytes: packet,
    });
  }
  return packets;
}

/** Places where a counter jumps without the packet saying so (ISO/IEC 13818-1 section 2.4.3.3), as "PID: from > to". */
export function unmarkedJumps(packets: readonly SeenPacket[]): string[] {
  const last = new Map<number, number>();
  return packets.flatMap(({ pid, counter, hasPayload, jumps }) => {
    const before = last.get(pid);
    last.set(pid, counter);
    if (pid === 0x1fff || jumps || before === undefined) return [];
    const wanted = hasPayload ? (before + 1) & 15 : before;
    return counter === wanted ? [] : [`${pid}: ${before} > ${counter}`];
  });
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

function crc(bytes: readonly number[]): number[] {
  let value = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((value >>> 31) ^ (byte >> bit)) & 1;
      value = ((value << 1) ^ (carry ? 0x04c11db7 : 0)) >>> 0;
    }
  }
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
