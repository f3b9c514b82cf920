// The parameters that each side tells the other in the handshake (docs/UDPACK.md section 3.3). Pure; no bytes throw.

import { CONNECTION_ID_BYTES } from "../wire/packet.ts";

/** What one side accepts. Bytes and milliseconds. */
export interface TransportParameters {
  /** Largest UDP payload it takes. */
  readonly maxDatagram: number;
  /** Session credit at first. */
  readonly maxData: number;
  /** Credit of each stream at first. */
  readonly maxStreamData: number;
  /** Streams that the peer may have opened in all. */
  readonly maxStreams: number;
  readonly idleTimeoutMs: number;
  /** What its socket holds. */
  readonly receiveBuffer: number;
  /** Longest time that it holds an ACK back. */
  readonly ackDelayMs: number;
}

/** A list as it was read. */
export interface ReceivedParameters {
  readonly parameters: TransportParameters;
  /** The client's connection id in the session that this one takes the place of. */
  readonly replaces: Uint8Array | undefined;
}

/** What a parameter that is not in the list means. */
export const DEFAULT_PARAMETERS: TransportParameters = {
  maxDatagram: 1_200,
  maxData: 0,
  maxStreamData: 65_536,
  maxStreams: 0,
  idleTimeoutMs: 60_000,
  receiveBuffer: 212_992,
  ackDelayMs: 1,
};

type Name = keyof TransportParameters;

/** By id: the name, the bytes of its value, and the least that is valid. */
const NUMBERS: readonly (readonly [id: number, name: Name, bytes: number, least: number])[] = [
  [1, "maxDatagram", 2, 1_200],
  [2, "maxData", 6, 0],
  [3, "maxStreamData", 4, 0],
  [4, "maxStreams", 4, 0],
  [5, "idleTimeoutMs", 4, 1_000],
  [6, "receiveBuffer", 4, 0],
  [7, "ackDelayMs", 2, 0],
];
const REPLACES_ID = 8;
const END_ID = 0;

const KNOWN = new Map(NUMBERS.map((entry) => [entry[0], entry]));

/** Bytes of the longest list that `encodeParameters` makes. */
export const PARAMETERS_BYTES_MAX =
  NUMBERS.reduce((sum, [, , bytes]) => sum + 2 + bytes, 0) + 2 + CONNECTION_ID_BYTES + 1;

/** The list as bytes, with its end. @throws RangeError for a value that does not fit or is invalid */
export function encodeParameters(parameters: TransportParameters, replaces?: Uint8Array): Uint8Array {
  const list: number[] = [];
  for (const [id, name, bytes, least] of NUMBERS) {
    const value = parameters[name];
    if (!Number.isInteger(value) || value < least || value >= 2 ** (8 * bytes))
      throw new RangeError(`Cannot encode the parameter "${name}": ${value}, expected ${least} or more`);
    list.push(id, bytes);
    for (let shift = bytes - 1; shift >= 0; shift--) list.push(Math.floor(value / 2 ** (8 * shift)) % 256);
  }
  if (replaces) list.push(REPLACES_ID, CONNECTION_ID_BYTES, ...replaces);
  list.push(END_ID);
  return Uint8Array.from(list);
}

/**
 * Reads the list at `offset`, to its end or that of the bytes; undefined when it is invalid: it runs over, says a thing
 * twice, or a value has the wrong length or is too small.
 */
export function decodeParameters(bytes: Uint8Array, offset: number): ReceivedParameters | undefined {
  const parameters: { -readonly [N in Name]: number } = { ...DEFAULT_PARAMETERS };
  let replaces: Uint8Array | undefined;
  const seen = new Set<number>();
  let at = offset;
  for (;;) {
    const id = bytes[at] ?? END_ID;
    if (id === END_ID) return { parameters, replaces };
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length || seen.has(id)) return undefined;
    seen.add(id);
    const value = bytes.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    if (id === REPLACES_ID) {
      if (length !== CONNECTION_ID_BYTES) return undefined;
      replaces = Uint8Array.from(value);
      continue;
    }
    const known = KNOWN.get(id);
    if (!known) continue;
    const number = value.reduce((sum, byte) => sum * 256 + byte, 0);
    if (length !== known[2] || number < known[3]) return undefined;
    parameters[known[1]] = number;
  }
}
