// What loss recovery counts and measures, for statistics. Pure data: bytes, milliseconds, bytes per second.

/** Counts since the session began. */
export interface RecoveryCounts {
  packetsSent: number;
  bytesSent: number;
  /** Given up as lost, those that arrived after all among them. */
  packetsLost: number;
  bytesLost: number;
  packetsLate: number;
  bytesDelivered: number;
  /** How often three probes had no answer. */
  outages: number;
}

/** The counts, and the path as it is now; times are 0 before the first sample. */
export interface RecoveryStats extends Readonly<RecoveryCounts> {
  readonly rttMs: number;
  readonly rttLeastMs: number;
  readonly window: number;
  readonly bytesInFlight: number;
  readonly pacingRate: number;
  readonly bandwidth: number;
}

/** Counts of a session that begins. */
export function noCounts(): RecoveryCounts {
  return {
    packetsSent: 0,
    bytesSent: 0,
    packetsLost: 0,
    bytesLost: 0,
    packetsLate: 0,
    bytesDelivered: 0,
    outages: 0,
  };
}
