// The types of packet.js, as far as codec.ts uses it: written by hand, because the generated ones need a package for numbers
// of 64 bits that no Packet has.

import type { Writer } from "protobufjs/minimal.js";

export interface AuthorityFields {
  domain?: string;
  ip?: string;
  port?: number;
  service?: string;
}

export interface ConnectResFields {
  succeeded?: boolean;
  local_address?: string;
  local_port?: number;
  error_code?: string;
}

export interface HeaderFields {
  name?: string;
  value?: Uint8Array;
}

export interface HttpHeadFields {
  method?: string;
  url?: string;
  status?: number;
  headers?: HeaderFields[];
  upgrade?: boolean;
}

export interface HelloFields {
  version?: number;
  name?: string;
  services?: string[];
  window?: number;
}

/** A Packet to be written: what is absent has its default. */
export interface PacketFields {
  sid?: string;
  cmd?: string;
  authority?: AuthorityFields | null;
  connect_res?: ConnectResFields | null;
  buf?: Uint8Array;
  reason?: string;
  head?: HttpHeadFields | null;
  window?: number;
  code?: string;
  opcode?: number;
  close_code?: number;
  hello?: HelloFields | null;
}

/** A Packet that was read: fields of messages are null when absent, and all others have their defaults. */
export class Packet {
  private constructor();
  readonly sid: string;
  readonly cmd: string;
  readonly authority: Required<AuthorityFields> | null;
  readonly connect_res: Required<ConnectResFields> | null;
  readonly buf: Uint8Array;
  readonly reason: string;
  readonly head: (Required<Omit<HttpHeadFields, "headers">> & { headers: Required<HeaderFields>[] }) | null;
  readonly window: number;
  readonly code: string;
  readonly opcode: number;
  readonly close_code: number;
  readonly hello: Required<HelloFields> | null;
  static encode(message: PacketFields): Writer;
  /** @throws Error for anything that is no Packet */
  static decode(bytes: Uint8Array): Packet;
}
