// What an endpoint tells of a session, from what its machines know. Pure.

import type { PacketEngine } from "../engine/engine.ts";
import type { SessionStats } from "../session/options.ts";
import type { UdpackStats } from "./api.ts";

export function statsOf(
  machine: SessionStats,
  engine: PacketEngine,
  path: { readonly remote: UdpackStats["remote"]; readonly mtu: number },
): UdpackStats {
  return {
    engine: engine.kind,
    remote: path.remote,
    mtu: path.mtu,
    rttMs: machine.rttMs,
    rttLeastMs: machine.rttLeastMs,
    windowBytes: machine.window,
    bytesInFlight: machine.bytesInFlight,
    deliveryRate: machine.bandwidth,
    loss: machine.packetsSent === 0 ? 0 : machine.packetsLost / machine.packetsSent,
    packetsSent: machine.packetsSent,
    packetsLost: machine.packetsLost,
    packetsReceived: machine.packetsReceived,
    retransmittedBytes: machine.repeatedBytes,
    bytesSent: machine.bytesSent,
    bytesReceived: machine.bytesReceived,
    streams: machine.streams,
  };
}
