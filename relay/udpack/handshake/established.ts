// What a handshake yields, on either side.

import type { PacketKeys } from "../crypto/packet-keys.ts";
import type { TransportParameters } from "../crypto/params.ts";

/** A session's keys and ids. On a server it only counts once a packet has opened (docs/UDPACK.md section 3). */
export interface EstablishedKeys {
  readonly keys: PacketKeys;
  /** The connection id in packets to this side. */
  readonly ownId: Uint8Array;
  /** The connection id in packets to the peer. */
  readonly peerId: Uint8Array;
  readonly peerStatic: Uint8Array;
  /** What the peer accepts. */
  readonly peer: TransportParameters;
  /** Clients: what a reset of this session carries. */
  readonly resetToken?: Uint8Array;
  /** Servers: the client's connection id in its session that this one takes the place of. */
  readonly replaces?: Uint8Array;
}
