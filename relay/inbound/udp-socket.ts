// UDP sockets of the relay: opened on a fixed or a free port, or on one of a range, with errors that say what to do.
// Knows nothing of what the datagrams mean.

import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { lookup } from "node:dns";
import { isIP } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { PortRange } from "../../shared/net/ports.ts";
import { dialErrorCode } from "../outbound/outbound.ts";
import { PortTakenError } from "../serve/listen.ts";
import type { ListenAt } from "./inbound.ts";

/** dgram looks every address up, literals too, in the thread pool that scrypt uses: literals need no looking up. */
const lookUpNamesOnly: SocketOptions["lookup"] = (host, options, callback) => {
  const family = isIP(host);
  if (family !== 0) callback(null, host, family);
  else lookup(host, options, callback);
};

function newSocket(family: 4 | 6, ipv6Only: boolean): Socket {
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    // Refused by the system on IPv4 sockets.
    ipv6Only: family === 6 && ipv6Only,
    lookup: lookUpNamesOnly,
    recvBufferSize: RELAY_LIMITS.UDP_RECEIVE_BUFFER_BYTES,
  });
}

/** Binds; the socket is closed when that fails. */
function bind(socket: Socket, port: number, address: string | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", onError);
    socket.bind({ port, ...(address === undefined ? {} : { address }), exclusive: true }, () => {
      socket.off("error", onError);
      // Whatever a send or a receive reports later must not end the process; the datagram is lost, as any may be.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

/**
 * A socket on the address of an inbound.
 * @throws {PortTakenError} when the port is taken; an Error that names the setting when the system refuses otherwise
 */
export async function listenForDatagrams(at: ListenAt): Promise<Socket> {
  const { host, port, setting } = at;
  try {
    return await bind(newSocket(host.includes(":") ? 6 : 4, false), port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw new PortTakenError(at, { cause: error });
    throw new Error(`Cannot listen on ${formatAuthority(host, port)}, as ${setting} says: ${code}`, {
      cause: error,
    });
  }
}

/**
 * A socket of a family on any free port, or on one of `ports`.
 * @throws CausewayError of `dialErrorCode`, `port_unavailable` when all ports tried are taken
 */
export async function openDatagramSocket(
  family: 4 | 6,
  address?: string,
  ports?: PortRange,
): Promise<Socket> {
  return onFreePort(ports, (port) => bind(newSocket(family, true), port, address));
}

/**
 * What `open` makes on the first of `ports` that is free; port 0 means any. The search begins anywhere, so that a port is
 * not used again at once.
 * @throws CausewayError as `openDatagramSocket`
 */
export async function onFreePort<T>(
  ports: PortRange | undefined,
  open: (port: number) => Promise<T>,
): Promise<T> {
  const count = ports === undefined ? 1 : ports.last - ports.first + 1;
  const start = Math.floor(Math.random() * count);
  for (let tried = 0; tried < Math.min(count, RELAY_LIMITS.PORT_TRIES_MAX); tried++) {
    try {
      return await open(ports === undefined ? 0 : ports.first + ((start + tried) % count));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
      throw new CausewayError(dialErrorCode(error), undefined, { cause: error });
    }
  }
  throw new CausewayError("port_unavailable");
}

/**
 * Sends unless too much is unsent already: UDP has no back-pressure, so what does not fit is dropped. So is what is for port 0,
 * which strangers can write into their datagrams, and for which Node's socket throws.
 */
export function sendDatagram(
  socket: Socket,
  data: Uint8Array,
  port: number,
  address: string,
  onFailed?: (error: Error) => void,
): boolean {
  if (port === 0 || socket.getSendQueueSize() > RELAY_LIMITS.UDP_UNSENT_BYTES_MAX) return false;
  socket.send(data, port, address, (error) => {
    if (error) onFailed?.(error);
  });
  return true;
}
