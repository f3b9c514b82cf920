// The few functions of the C library that node:dgram does not offer, called through node:ffi (Node 26, Linux).
// Descriptors made here belong to the caller until dgram has adopted them.

import { endianness } from "node:os";
import { parseIp } from "../../../shared/net/address.ts";

/** Numbers of the Linux headers, the same on every architecture that Node is built for. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const SOL_IP = 0;
const IP_MTU_DISCOVER = 10;
const SOL_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
/** Sets DF and ignores what the kernel believes of the path: probes decide. */
const PMTUDISC_PROBE = 3;
const SOCKADDR_BYTES = { v4: 16, v6: 28 } as const;

/** The socket calls that this module wraps; each answers as in C. */
interface SocketCalls {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
}

/** UDP sockets by descriptor, with the options that dgram cannot set. */
export class Libc {
  readonly #calls: SocketCalls;
  readonly #value = new Uint8Array(4);
  readonly #int = new Int32Array(this.#value.buffer);

  constructor(calls: SocketCalls) {
    this.#calls = calls;
  }

  /** A bound UDP socket with DF set and coalesced reads as asked; undefined: the system refused one of the calls. */
  openUdp(address: string, port: number, coalesce: boolean, bufferBytes: number): number | undefined {
    const ip = parseIp(address);
    if (ip === undefined) return undefined;
    const v6 = ip.length === 16;
    const fd = this.#calls.socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    // More than net.core.rmem_max is for those who may administer the network; others keep what dgram gets.
    this.#set(fd, SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes);
    this.#set(fd, SOL_SOCKET, SO_SNDBUFFORCE, bufferBytes);
    const bytes = socketAddress(ip, port);
    const ready =
      this.#set(fd, SOL_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE) &&
      (!v6 || this.#set(fd, SOL_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)) &&
      (!coalesce || this.#set(fd, SOL_UDP, UDP_GRO, 1)) &&
      this.#calls.bind(fd, bytes, bytes.length) === 0;
    if (ready) return fd;
    this.#calls.close(fd);
    return undefined;
  }

  /** Sends of this socket are cut into datagrams of `bytes`; 0: not at all. */
  setSegment(fd: number, bytes: number): boolean {
    return this.#set(fd, SOL_UDP, UDP_SEGMENT, bytes);
  }

  close(fd: number): void {
    this.#calls.close(fd);
  }

  #set(fd: number, level: number, name: number, value: number): boolean {
    this.#int[0] = value;
    return this.#calls.setsockopt(fd, level, name, this.#value, 4) === 0;
  }
}

/** struct sockaddr_in or sockaddr_in6: the family in the machine's byte order, the port in the network's. */
function socketAddress(ip: Uint8Array, port: number): Uint8Array {
  const v6 = ip.length === 16;
  const bytes = new Uint8Array(v6 ? SOCKADDR_BYTES.v6 : SOCKADDR_BYTES.v4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, endianness() === "LE");
  view.setUint16(2, port);
  bytes.set(ip, v6 ? 8 : 4);
  return bytes;
}

/**
 * node:ffi, without the warning that it is experimental: users can do nothing about that, and where it does not work the
 * probe finds out. All other warnings are printed as ever.
 * @throws where the process may not use it
 */
function loadFfi(): typeof import("node:ffi") | undefined {
  const { emitWarning } = process;
  const others = (...args: Parameters<typeof emitWarning>): void => {
    if (!String(args[0]).startsWith("FFI is an experimental feature")) emitWarning.apply(process, args);
  };
  // Loading is synchronous: nothing else runs meanwhile.
  process.emitWarning = others as typeof emitWarning;
  try {
    return process.getBuiltinModule("node:ffi");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The calls of this process's C library; undefined where there is no node:ffi or no such library. */
export function loadLibc(): Libc | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const ffi = loadFfi();
    if (ffi === undefined) return undefined;
    const { functions } = ffi.dlopen(null, {
      socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
      setsockopt: { arguments: ["i32", "i32", "i32", "pointer", "u32"], return: "i32" },
      bind: { arguments: ["i32", "pointer", "u32"], return: "i32" },
      close: { arguments: ["i32"], return: "i32" },
    });
    return new Libc(functions);
  } catch {
    return undefined;
  }
}
