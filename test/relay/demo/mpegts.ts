// Reads time stamps and continuity counters out of an MPEG-TS segment, written apart from the code under test.

export interface Stamps {
  /** Presentation stamps per PID, in ticks of 90 kHz, in the order of the packets. */
  readonly frames: Map<number, number[]>;
  readonly continuity: Map<number, { first: number; last: number }>;
  /** Program clock references, in ticks of 90 kHz. */
  readonly clocks: number[];
}

export function readStamps(segment: Uint8Array): Stamps {
  const stamps: Stamps = { frames: new Map(), continuity: new Map(), clocks: [] };
  const view = Buffer.from(segment);
  for (let at = 0; at < view.length; at += 188) readPacket(view.subarray(at, at + 188), stamps);
  return stamps;
}

function readPacket(packet: Buffer, { frames, continuity, clocks }: Stamps): void {
  const pid = packet.readUInt16BE(1) & 0x1fff;
  const control = packet.readUInt8(3);
  const counter = control & 15;
  if (control & 0x10) {
    const known = continuity.get(pid);
    if (known !== undefined && counter !== (known.last + 1) % 16)
      throw new Error(`counter of PID ${pid} jumps`);
    continuity.set(pid, { first: known?.first ?? counter, last: counter });
  }
  let payload = 4;
  if (control & 0x20) {
    const length = packet.readUInt8(4);
    payload += 1 + length;
    if (length > 0 && packet.readUInt8(5) & 0x10) clocks.push(Number(bits(packet.subarray(6, 12)) >> 15n));
  }
  const startsUnit = (packet.readUInt8(1) & 0x40) !== 0;
  if (!startsUnit || !(control & 0x10) || packet.readUIntBE(payload, 3) !== 1) return;
  if ((packet.readUInt8(payload + 7) & 0x80) === 0) return;
  const field = bits(packet.subarray(payload + 9, payload + 14));
  const pts =
    (((field >> 33n) & 7n) << 30n) | (((field >> 17n) & 0x7fffn) << 15n) | ((field >> 1n) & 0x7fffn);
  frames.set(pid, [...(frames.get(pid) ?? []), Number(pts)]);
}

function bits(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}
