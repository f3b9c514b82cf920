// What both UDP engines share: opening a node:dgram socket without DNS, its buffers, its errors. Sockets are never
// connect()ed: a connected one dies with ENETUNREACH when the machine changes its network.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { UDPACK_ENGINE_LIMITS } from "../../../shared/limits.ts";
import type { Remote } from "./engine.ts";

/** How a socket is bound: to an address, or by taking over a descriptor that is bound already. */
export type BindTo = { readonly address: string; readonly port: number } | { readonly fd: number };

/** dgram resolves even IP literals in a later tick, one tick per datagram; remotes here are always literals. */
function literalOnly(
  host: string,
  _options: unknown,
  done: (error: null, ip: string, family: number) => void,
) {
  done(null, host, host.includes(":") ? 6 : 4);
}

/**
 * Opens a socket of the family of `literal`, bound and with the buffers asked for.
 * @throws what the system says about the address or the port
 */
export async function openDgramSocket(literal: string, to: BindTo): Promise<Socket> {
  const socket = createSocket({ type: literal.includes(":") ? "udp6" : "udp4", lookup: literalOnly });
  try {
    const listening = once(socket, "listening");
    // `exclusive` keeps a worker of node:cluster from sharing the socket: sessions live in one process.
    socket.bind("fd" in to ? { fd: to.fd, exclusive: true } : { ...to, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  askForBuffers(socket);
  return socket;
}

/** The system may grant less, silently (Linux: net.core.rmem_max), or refuse (macOS): then what is there stays. */
function askForBuffers(socket: Socket): void {
  const bytes = UDPACK_ENGINE_LIMITS.SOCKET_BUFFER_BYTES;
  const granted = grantedBuffers(socket);
  try {
    if (granted.receive < bytes) socket.setRecvBufferSize(bytes);
    if (granted.send < bytes) socket.setSendBufferSize(bytes);
  } catch {
    // The granted size is read back and reported; a smaller one only makes bursts smaller.
  }
}

/** Linux counts its own bookkeeping into the size that it reports, and doubles what it grants to make up for that. */
function payloadBytes(reported: number): number {
  return process.platform === "linux" ? Math.floor(reported / 2) : reported;
}

/** Bytes of payload that the system's buffers hold. */
export function grantedBuffers(socket: Socket): { receive: number; send: number } {
  return {
    receive: payloadBytes(socket.getRecvBufferSize()),
    send: payloadBytes(socket.getSendBufferSize()),
  };
}

export function localOf(socket: Socket): Remote {
  const { address, port } = socket.address();
  return { address, port };
}
