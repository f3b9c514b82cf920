// The payloads inside of the two messages of the handshake (docs/UDPACK.md sections 2.2 and 2.3). Pure; no bytes throw.

import {
  decodeParameters,
  encodeParameters,
  type ReceivedParameters,
  type TransportParameters,
} from "../crypto/params.ts";
import { RESET_TOKEN_BYTES } from "../crypto/reset.ts";
import { readU16, readU48, writeU16, writeU48 } from "../wire/integers.ts";
import { CONNECTION_ID_BYTES, INITIATION } from "../wire/packet.ts";

const TIMESTAMP_BYTES = 8;
const TOKEN_AT = CONNECTION_ID_BYTES;
const RESPONSE_PARAMETERS_AT = CONNECTION_ID_BYTES + RESET_TOKEN_BYTES;
const TWO_48 = 2 ** 48;

/** What a client says first. */
export interface InitiationPayload {
  /** Microseconds since 1970. */
  readonly timestamp: number;
  readonly parameters: TransportParameters;
  readonly replaces?: Uint8Array | undefined;
}

/** Timestamp, parameters, zeros. */
export function encodeInitiationPayload(payload: InitiationPayload): Uint8Array {
  const bytes = new Uint8Array(INITIATION.payloadBytes);
  writeU16(bytes, 0, Math.floor(payload.timestamp / TWO_48));
  writeU48(bytes, 2, payload.timestamp % TWO_48);
  bytes.set(encodeParameters(payload.parameters, payload.replaces), TIMESTAMP_BYTES);
  return bytes;
}

/** Undefined when it is invalid. Timestamps of the far future lose precision, but never order. */
export function decodeInitiationPayload(
  bytes: Uint8Array,
): ({ readonly timestamp: number } & ReceivedParameters) | undefined {
  if (bytes.length !== INITIATION.payloadBytes) return undefined;
  const received = decodeParameters(bytes, TIMESTAMP_BYTES);
  return received && { timestamp: readU16(bytes, 0) * TWO_48 + readU48(bytes, 2), ...received };
}

/** What a server answers. */
export interface ResponsePayload {
  readonly id: Uint8Array;
  readonly resetToken: Uint8Array;
  readonly parameters: TransportParameters;
}

/** Connection id, reset token, parameters. */
export function encodeResponsePayload(payload: ResponsePayload): Uint8Array {
  const parameters = encodeParameters(payload.parameters);
  const bytes = new Uint8Array(RESPONSE_PARAMETERS_AT + parameters.length);
  bytes.set(payload.id);
  bytes.set(payload.resetToken, TOKEN_AT);
  bytes.set(parameters, RESPONSE_PARAMETERS_AT);
  return bytes;
}

/** Undefined when it is invalid. */
export function decodeResponsePayload(bytes: Uint8Array): ResponsePayload | undefined {
  if (bytes.length < RESPONSE_PARAMETERS_AT) return undefined;
  const received = decodeParameters(bytes, RESPONSE_PARAMETERS_AT);
  return (
    received && {
      id: bytes.slice(0, TOKEN_AT),
      resetToken: bytes.slice(TOKEN_AT, RESPONSE_PARAMETERS_AT),
      parameters: received.parameters,
    }
  );
}
