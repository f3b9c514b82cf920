// What an endpoint tells its peer that it accepts (docs/UDPACK.md section 3.3), from its limits and its socket. Pure.

import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { DEFAULT_PARAMETERS, type TransportParameters } from "../crypto/params.ts";

/** Largest values of the fields on the wire. */
const U32_MAX = 2 ** 32 - 1;

export interface OwnLimits {
  /** Streams that the peer may have open. */
  readonly streams: number;
  /** Bytes that the socket holds. */
  readonly receiveBufferBytes: number;
}

export function ownParameters({ streams, receiveBufferBytes }: OwnLimits): TransportParameters {
  const { idleTimeoutMs, ackDelayMs, maxStreamData } = DEFAULT_PARAMETERS;
  return {
    maxDatagram: UDPACK_ENDPOINT_LIMITS.DATAGRAM_BYTES_MAX,
    // Streams that this side opens need credit for what comes back, too.
    maxData: (streams + UDPACK_ENDPOINT_LIMITS.OWN_STREAMS_AHEAD) * maxStreamData,
    maxStreamData,
    maxStreams: streams,
    idleTimeoutMs,
    receiveBuffer: Math.min(U32_MAX, receiveBufferBytes),
    ackDelayMs,
  };
}
