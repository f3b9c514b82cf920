// Datagrams of SOCKS5's UDP ASSOCIATE (RFC 1928 section 7): their header, and the reassembly of fragments. Pure: bytes and
// time come in as arguments, and nothing throws on any bytes.
//
//     RSV 2 | FRAG 1 | ATYP | DST.ADDR | DST.PORT 2 | DATA

import { RELAY_LIMITS } from "../../shared/limits.ts";
import { encodeAddress, readAddress } from "./socks-address.ts";
import type { Endpoint } from "./socks-machine.ts";

export interface SocksDatagram {
  readonly host: string;
  readonly port: number;
  readonly data: Buffer;
}

/** A datagram as it came: whole with position 0, else a fragment. */
export interface DatagramPart extends SocksDatagram {
  /** 1 to 127 within its sequence. */
  readonly position: number;
  /** True for the last one of its sequence. */
  readonly last: boolean;
}

const LAST_FLAG = 0x80;

/** Reads one datagram of a client; undefined when it is malformed. RSV is not looked at: clients leave it unset. */
export function decodeDatagram(bytes: Buffer): DatagramPart | undefined {
  const address = readAddress(bytes);
  if (address === undefined || address === "unknown_type" || address.host === undefined) return undefined;
  const fragment = bytes[2] ?? 0;
  return {
    host: address.host,
    port: address.port,
    data: bytes.subarray(address.end),
    position: fragment & ~LAST_FLAG,
    last: (fragment & LAST_FLAG) !== 0,
  };
}

/** Writes a datagram for a client; never fragmented, which is each side's own choice. */
export function encodeDatagram(source: Endpoint, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, ...encodeAddress(source)]), data]);
}

/** Puts fragments together: one sequence at a time, in order, as the RFC has it. */
export class Reassembly {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Where the sequence goes; undefined while there is none. */
  #target: Pick<SocksDatagram, "host" | "port"> | undefined;
  #startedAt = 0;

  /** The datagram that `part` is, or completes; undefined while there is none. `now` in milliseconds. */
  add(part: DatagramPart, now: number): SocksDatagram | undefined {
    // A whole datagram says nothing about a sequence under way: UDP does not keep order.
    if (part.position === 0) return part.last ? undefined : part;
    if (now - this.#startedAt > RELAY_LIMITS.FRAGMENTS_TIMEOUT_MS) this.#abandon();
    if (part.position === 1) this.#begin(part, now);
    else if (!this.#continues(part)) {
      // A repeated fragment is harmless, any other break leaves a hole that nothing can fill.
      if (part.position !== this.#parts.length) this.#abandon();
      return undefined;
    }
    this.#parts.push(part.data);
    this.#bytes += part.data.length;
    if (this.#bytes > RELAY_LIMITS.DATAGRAM_BYTES_MAX) this.#abandon();
    return part.last ? this.#complete() : undefined;
  }

  #begin({ host, port }: DatagramPart, now: number): void {
    this.#abandon();
    this.#target = { host, port };
    this.#startedAt = now;
  }

  #continues({ position, host, port }: DatagramPart): boolean {
    const target = this.#target;
    return position === this.#parts.length + 1 && target?.host === host && target.port === port;
  }

  #complete(): SocksDatagram | undefined {
    const target = this.#target;
    const data = Buffer.concat(this.#parts);
    this.#abandon();
    return target === undefined ? undefined : { ...target, data };
  }

  #abandon(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#target = undefined;
  }
}
