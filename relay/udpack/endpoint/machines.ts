// Makes the machines of a session from what the handshake agreed on, its carrier and the configuration.

import { randomBytes } from "node:crypto";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { FixedRate } from "../congestion/fixed.ts";
import type { TransportParameters } from "../crypto/params.ts";
import type { PacketEngine, Remote } from "../engine/engine.ts";
import type { EstablishedKeys } from "../handshake/established.ts";
import type { SessionListener } from "../session/options.ts";
import { Session } from "../session/session.ts";
import type { SessionParts } from "./session.ts";
import { SessionPath } from "./session-path.ts";

/** What the configuration says about every session of an endpoint. */
export interface TransportSettings {
  /** UDP payload bytes; 0: probed where the engine forbids fragments, else 1,200. */
  readonly mtu: number;
  /** Bytes per second that the link has, where that is known. */
  readonly rate?: number | undefined;
  /** Sessions are kept alive without streams, too. */
  readonly keepAliveAlways: boolean;
}

export interface MachinesOptions {
  readonly role: "client" | "server";
  readonly established: EstablishedKeys;
  readonly own: TransportParameters;
  readonly engine: PacketEngine;
  readonly remote: Remote;
  readonly settings: TransportSettings;
  readonly now: number;
  readonly listener: SessionListener;
}

export function makeMachines(options: MachinesOptions): SessionParts {
  const { role, established, own, engine, remote, settings, now, listener } = options;
  const path = new SessionPath({
    role,
    remote,
    engine,
    mtu: settings.mtu,
    maxDatagram: established.peer.maxDatagram,
    now,
  });
  const machine = new Session(
    {
      role,
      own,
      peer: established.peer,
      now,
      random: randomBytes,
      ...(settings.rate !== undefined && { rate: settings.rate }),
      // The carrier's TCP controls congestion; its backlog is bounded where packets are sent.
      ...(engine.reliable && { controller: () => new FixedRate({ rate: Number.POSITIVE_INFINITY }) }),
      ...(path.size && { size: path.size }),
      keepAliveMs: UDPACK_ENDPOINT_LIMITS.KEEP_ALIVE_MS,
      // Only the client can do something about it, and two that ask each other would never stop.
      ...(role === "client" && { stallMs: UDPACK_ENDPOINT_LIMITS.STALL_MS }),
      keepAliveAlways: settings.keepAliveAlways,
    },
    listener,
  );
  path.attach(machine);
  return { machine, path };
}
