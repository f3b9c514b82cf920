// The calls of the C library that drive TUN devices, through node:ffi (Node 26, Linux): for the link of `npm run bench:udpack`.
// Nothing here blocks except `wait`, and nothing is allocated per packet.

import { constants, openSync } from "node:fs";

/** Numbers of linux/if_tun.h, on x86 and ARM. */
const TUNSETIFF = 0x4004_54can;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** struct ifreq: sixteen bytes of name, then the flags. */
const IFREQ_BYTES = 40;
const NAME_BYTES_MAX = 15;
const FLAGS_AT = 16;
const SCHED_FIFO = 1;
/** struct pollfd. */
const POLLFD_BYTES = 8;
const EVENTS_AT = 4;
const REVENTS_AT = 6;
const POLLIN = 1;

/** Largest packet that is read or written. */
export const PACKET_BYTES_MAX = 2_048;

interface Calls {
  ioctl(fd: number, request: bigint, value: Uint8Array): number;
  read(fd: number, into: Uint8Array, length: bigint): number;
  write(fd: number, data: Uint8Array, length: bigint): number;
  ppoll(fds: Uint8Array, count: bigint, timeout: Uint8Array | null, mask: null): number;
  sched_setscheduler(pid: number, policy: number, priority: Uint8Array): number;
}

export class TunCalls {
  readonly #calls: Calls;
  /** Numbers as `size_t`. */
  readonly #sizes = Array.from({ length: PACKET_BYTES_MAX + 1 }, (_, size) => BigInt(size));
  readonly #timeout = new BigInt64Array(2);
  readonly #timeoutBytes = new Uint8Array(this.#timeout.buffer);
  #polled = Buffer.alloc(0);

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Makes a device, which lives until its descriptor is closed. @throws what the system says, and where it is no root */
  openDevice(name: string): number {
    if (name.length > NAME_BYTES_MAX) throw new Error(`Cannot make device "${name}": the name is too long`);
    const fd = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name, "latin1");
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI, FLAGS_AT);
    if (this.#calls.ioctl(fd, TUNSETIFF, request) === 0) return fd;
    throw new Error(`Cannot make device "${name}": the system refused`);
  }

  /** Reads one packet; its bytes, and less than one if there is none. */
  read(fd: number, into: Uint8Array): number {
    return this.#calls.read(fd, into, this.#sizes[PACKET_BYTES_MAX] ?? 0n);
  }

  /** Writes one packet: the first `length` bytes of `data`. False: the device did not take it. */
  write(fd: number, data: Uint8Array, length: number): boolean {
    return this.#calls.write(fd, data, this.#sizes[length] ?? 0n) === length;
  }

  /** Lets this thread run before all others, as far as the system lets it. */
  hurry(): void {
    this.#calls.sched_setscheduler(0, SCHED_FIFO, new Uint8Array(Int32Array.of(1).buffer));
  }

  /** Names the descriptors that `wait` looks at. */
  poll(fds: readonly number[]): void {
    this.#polled = Buffer.alloc(fds.length * POLLFD_BYTES);
    for (const [index, fd] of fds.entries()) {
      this.#polled.writeInt32LE(fd, index * POLLFD_BYTES);
      this.#polled.writeInt16LE(POLLIN, index * POLLFD_BYTES + EVENTS_AT);
    }
  }

  /** Waits until one of the first `count` descriptors has something, or so many microseconds. True: the first one has. */
  wait(count: number, timeoutUs: number): boolean {
    const isBounded = timeoutUs !== Number.POSITIVE_INFINITY;
    if (isBounded) this.#timeout[1] = BigInt(timeoutUs * 1_000);
    const timeout = isBounded ? this.#timeoutBytes : null;
    this.#calls.ppoll(this.#polled, this.#sizes[count] ?? 0n, timeout, null);
    return this.#polled.readInt16LE(REVENTS_AT) !== 0;
  }
}

/** @throws where there is no node:ffi, or another C library */
export async function loadTunCalls(): Promise<TunCalls> {
  const { dlopen } = await import("node:ffi");
  const { functions } = dlopen(null, {
    ioctl: { arguments: ["i32", "u64", "pointer"], return: "i32" },
    read: { arguments: ["i32", "pointer", "u64"], return: "i32" },
    write: { arguments: ["i32", "pointer", "u64"], return: "i32" },
    ppoll: { arguments: ["pointer", "u64", "pointer", "pointer"], return: "i32" },
    sched_setscheduler: { arguments: ["i32", "i32", "pointer"], return: "i32" },
  });
  return new TunCalls(functions);
}
