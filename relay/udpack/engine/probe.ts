// Finds out whether this kernel's segmentation works: batches sent over loopback must come back byte for byte, to a socket
// that coalesces and to one that does not. Some kernels corrupt batches of equal datagrams.

import { UDPACK_ENGINE_LIMITS } from "../../../shared/limits.ts";
import type { PacketEngine } from "./engine.ts";
import type { Libc } from "./libc.ts";
import { openOffload } from "./offload.ts";
import { openPortable } from "./portable.ts";

const LOOPBACK = { address: "127.0.0.1", port: 0 } as const;
const SEGMENT_BYTES = 1_200;
const SEGMENTS = 20;
/** A batch whose last datagram is shorter, and one of equal datagrams. */
const BATCHES = [SEGMENT_BYTES * SEGMENTS - 500, SEGMENT_BYTES * SEGMENTS] as const;

const NOBODY = { received() {}, drained() {}, ended() {} } as const;

/** Collects what arrives until `expected` bytes are there. */
function collector(expected: number) {
  const done = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  let bytes = 0;
  return {
    all: done.promise,
    listener: {
      received(data: Buffer): void {
        parts.push(Buffer.from(data));
        bytes += data.length;
        if (bytes >= expected) done.resolve(Buffer.concat(parts));
      },
      drained() {},
      ended() {},
    },
  };
}

function fill(batch: Buffer, length: number, seed: number): Buffer {
  for (let at = 0; at < length; at += 1) batch[at] = (at * 31 + (at >>> 8) * 17 + seed) & 0xff;
  return Buffer.from(batch.subarray(0, length));
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ms, undefined);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** True: what was sent in one call arrived unchanged. Takes some milliseconds; half a second where it does not work. */
export async function probeOffload(libc: Libc): Promise<boolean> {
  const opened: PacketEngine[] = [];
  const expected = BATCHES.reduce((sum, bytes) => sum + bytes, 0);
  const coalesced = collector(expected);
  const single = collector(expected);
  try {
    const sender = await openOffload(libc, { ...LOOPBACK, listener: NOBODY });
    if (sender) opened.push(sender);
    const receiver = await openOffload(libc, { ...LOOPBACK, listener: coalesced.listener });
    if (receiver) opened.push(receiver);
    const plain = await openPortable({ ...LOOPBACK, listener: single.listener });
    opened.push(plain);
    if (!sender || !receiver) return false;
    const sent: Buffer[] = [];
    for (const [seed, length] of BATCHES.entries()) {
      sent.push(fill(sender.batch(), length, seed));
      for (const to of [receiver, plain]) {
        fill(sender.batch(), length, seed);
        sender.send(length, SEGMENT_BYTES, to.local);
      }
    }
    const whole = Buffer.concat(sent);
    const came = await within(UDPACK_ENGINE_LIMITS.PROBE_MS, Promise.all([coalesced.all, single.all]));
    return came?.every((bytes) => bytes.equals(whole)) === true && sender.kind === "offload";
  } finally {
    for (const engine of opened) engine.close();
  }
}
