// The listening side of SOCKS BIND: a port that is open for one connection of one peer, for a bounded time. It listens on the
// one local address that faces the peer, never on all. Knows no SOCKS.

import { createSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { PortRange } from "../../shared/net/ports.ts";
import { dialErrorCode } from "../outbound/outbound.ts";
import type { Endpoint } from "./socks-machine.ts";
import { onFreePort } from "./udp-socket.ts";

export interface RendezvousOptions {
  /** Addresses of the peer, permitted ones, canonical; anybody on this machine is waited for when there are none. */
  readonly peers: readonly string[];
  /** Where to listen; undefined: any free port. */
  readonly ports: PortRange | undefined;
  readonly timeoutMs: number;
  /** Gives up: the client is gone or the relay stops. */
  readonly signal: AbortSignal;
  /** Told of who came and was not the peer. */
  readonly onStranger: (address: string) => void;
}

export interface Rendezvous {
  /** Where the peer is to connect. */
  readonly bound: Endpoint;
  /** The peer's connection, paused; it belongs to the caller. Rejects with `dial_timeout`, or `dial_failed` when given up. */
  readonly arrival: Promise<Socket>;
}

/** @throws CausewayError of `dialErrorCode`, or `port_unavailable` */
export async function openRendezvous(options: RendezvousOptions): Promise<Rendezvous> {
  const { peers, ports, signal } = options;
  const [first] = peers;
  const address = first === undefined ? "127.0.0.1" : await addressTowards(first);
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await onFreePort(ports, (port) => listenOn(server, address, port));
  if (signal.aborted) server.close();
  const port = boundPort(server);
  const arrival = waitFor(server, options);
  // The caller asks for it only once its client knows the address.
  arrival.catch(() => undefined);
  return { bound: { address, port }, arrival };
}

function boundPort(server: Server): number {
  const at = server.address();
  return typeof at === "object" && at !== null ? at.port : 0;
}

function waitFor(server: Server, options: RendezvousOptions): Promise<Socket> {
  const { peers, timeoutMs, signal, onStranger } = options;
  return new Promise((resolve, reject) => {
    const over = (): void => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", onAbort);
      server.close();
    };
    const onAbort = (): void => {
      over();
      reject(new CausewayError("dial_failed"));
    };
    const deadline = setTimeout(() => {
      over();
      reject(new CausewayError("dial_timeout"));
    }, timeoutMs);
    server.on("error", () => undefined);
    server.on("connection", (socket) => {
      // Stays for good: an error before the new owner's own listener would end the process.
      socket.on("error", () => undefined);
      const from = canonicalIp(socket.remoteAddress ?? "");
      const isPeer = from !== undefined && (peers.length === 0 || peers.includes(from));
      if (!isPeer || !server.listening) {
        if (from !== undefined) onStranger(from);
        socket.destroy();
        return;
      }
      socket.pause();
      over();
      resolve(socket);
    });
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** One peer is waited for; strangers are let go as they come. */
const BACKLOG = 8;

/** This machine's address on the way to `peer`: what routing would choose. No packet is sent. */
function addressTowards(peer: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(peer.includes(":") ? "udp6" : "udp4");
    const fail = (error: unknown): void => {
      socket.close();
      reject(new CausewayError(dialErrorCode(error), undefined, { cause: error }));
    };
    socket.once("error", fail);
    const onConnect = (error?: Error): void => {
      // Of a socket that is bound but not connected the address would be that of all.
      if (error) {
        fail(error);
        return;
      }
      const { address } = socket.address();
      socket.close();
      resolve(address);
    };
    socket.connect(DISCARD_PORT, peer, onConnect);
  });
}

const DISCARD_PORT = 9;
