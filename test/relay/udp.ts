// UDP for the relay's tests: a socket that keeps what it receives, and echoing targets, all closed with the test.

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";

export interface Received {
  readonly data: Buffer;
  readonly from: RemoteInfo;
}

/** A bound UDP socket. */
export class UdpPeer {
  readonly socket: Socket;
  readonly #received: Received[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("message", (data, from) => {
      this.#received.push({ data, from });
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async open(address = "127.0.0.1"): Promise<UdpPeer> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    const peer = new UdpPeer(socket);
    onTestFinished(() => peer.close());
    return peer;
  }

  /** Frees the port; again changes nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** How many datagrams have come that nobody has taken. */
  get pending(): number {
    return this.#received.length;
  }

  send(data: Uint8Array | string, port: number, address = "127.0.0.1"): this {
    this.socket.send(data, port, address);
    return this;
  }

  async take(): Promise<Received> {
    for (;;) {
      const next = this.#received.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A target that sends back what it gets, behind `prefix`; its port. */
export async function startUdpEcho(prefix = "", address = "127.0.0.1"): Promise<number> {
  const echo = await UdpPeer.open(address);
  echo.socket.on("message", (data, { port, address: to }) => {
    echo.socket.send(Buffer.concat([Buffer.from(prefix), data]), port, to);
  });
  return echo.port;
}
