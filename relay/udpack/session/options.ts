// What a session is made of, and what it tells. Types, and the choice of the congestion controller.

import { Bbr } from "../congestion/bbr.ts";
import type { CongestionController } from "../congestion/controller.ts";
import { FixedRate } from "../congestion/fixed.ts";
import type { TransportParameters } from "../crypto/params.ts";
import type { PathSize } from "../path/pmtu.ts";
import type { RecoveryStats } from "../recovery/recovery.ts";
import type { StreamListener } from "../streams/notices.ts";
import type { CloseCode } from "../wire/codes.ts";
import type { DatagramAddress } from "../wire/datagram-address.ts";
import { readU32 } from "../wire/integers.ts";

export interface SessionOptions {
  readonly role: "client" | "server";
  readonly own: TransportParameters;
  readonly peer: TransportParameters;
  readonly now: number;
  /** So many random bytes. */
  random(bytes: number): Uint8Array;
  /** Bytes per second that the link has, where they are known. */
  readonly rate?: number;
  /** Makes the controller of a path in place of the usual one: at first, and when the path has changed. */
  controller?(now: number): CongestionController;
  /** Learns which sizes of packets pass. */
  readonly size?: PathSize;
  /** A PING goes out after so long without anything sent while streams are open; 0: never. */
  readonly keepAliveMs: number;
  /** A PING goes out when the peer falls silent for so long after it has sent something of its own; absent: never. */
  readonly stallMs?: number | undefined;
  /** The PING goes out without streams, too. */
  readonly keepAliveAlways?: boolean;
}

/** Told what happens; each call may use the session at once. */
export interface SessionListener extends StreamListener {
  /** `data` is only valid during the call. */
  datagram(association: number, address: DatagramAddress | undefined, data: Uint8Array): void;
  /** The answer to `challenge`. */
  pathResponse?(data: Uint8Array): void;
  /** It has ended; nothing else is told afterwards. The owner goes on as for an open one until `isForgotten`. */
  closed(code: CloseCode, reason: string, byPeer: boolean): void;
}

/** Counts since the session began. */
export interface SessionStats extends RecoveryStats {
  readonly streams: number;
  /** Bytes of stream data that were sent again. */
  readonly repeatedBytes: number;
  readonly packetsReceived: number;
  readonly bytesReceived: number;
  /** Datagrams dropped because they waited too long to be sent, or came incompletely. */
  readonly datagramsDropped: number;
}

/** The controller for a path that begins now, told what the peer's socket holds. */
export function controllerOf(options: SessionOptions, now: number): CongestionController {
  const { rate, peer, random } = options;
  const controller =
    options.controller?.(now) ??
    (rate === undefined ? new Bbr({ now, seed: readU32(random(4), 0) }) : new FixedRate({ rate }));
  controller.setReceiveBuffer(peer.receiveBuffer);
  return controller;
}
