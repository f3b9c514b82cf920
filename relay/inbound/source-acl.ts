// Which client addresses an inbound serves, and which peers it believes: lists of ranges, compiled once. Pure.

import { parseIp } from "../../shared/net/address.ts";
import { type Cidr, cidrContains, parseCidr } from "../../shared/net/cidr.ts";

export class AddressList {
  readonly #ranges: readonly Cidr[];

  /** Ranges that cannot be read are left out: the schema has refused them. */
  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map(parseCidr).filter((range) => range !== undefined);
  }

  get empty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Whether a range has `address`, in canonical text. */
  has(address: string): boolean {
    if (this.empty) return false;
    const ip = parseIp(address);
    return ip !== undefined && this.#ranges.some((range) => cidrContains(range, ip));
  }
}

/** Whether an `allow` list lets `address` in: an empty one lets everybody in. */
export function isAllowed(allow: AddressList, address: string): boolean {
  return allow.empty || allow.has(address);
}
