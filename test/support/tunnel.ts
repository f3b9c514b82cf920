// TCP through a proxy, for end-to-end tests: clients that speak SOCKS5 and HTTP CONNECT, targets whose sockets the test
// holds, and bytes moved between the two ends with their hash compared.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { demoBytes } from "../../relay/demo/bodies.ts";

const LOOPBACK = "127.0.0.1";

export interface ProxyUser {
  readonly name: string;
  readonly password: string;
}

export type OpenTunnel = (proxyPort: number, targetPort: number, user?: ProxyUser) => Promise<Socket>;

/** Connects to a port of this machine by SOCKS5, signing in by RFC 1929 if a user is given. @throws when refused */
export async function openSocks(proxyPort: number, targetPort: number, user?: ProxyUser): Promise<Socket> {
  const socket = await dial(proxyPort);
  socket.write(Uint8Array.of(5, 1, user === undefined ? 0 : 2));
  let reply = await take(socket, 2);
  if (user !== undefined && reply[1] === 2) {
    const [name, password] = [Buffer.from(user.name), Buffer.from(user.password)];
    socket.write(Uint8Array.of(1, name.length, ...name, password.length, ...password));
    reply = await take(socket, 2);
  }
  if (reply[1] !== 0) throw new Error(`Cannot sign in: the proxy answered ${reply[1]}`);
  socket.write(Uint8Array.of(5, 1, 0, 1, 127, 0, 0, 1, targetPort >> 8, targetPort & 255));
  reply = await take(socket, 10);
  if (reply[1] !== 0) throw new Error(`Cannot connect: the proxy answered ${reply[1]}`);
  return socket;
}

/** Connects to a port of this machine by HTTP CONNECT, with Basic credentials if a user is given. @throws when refused */
export async function openConnect(proxyPort: number, targetPort: number, user?: ProxyUser): Promise<Socket> {
  const socket = await dial(proxyPort);
  const authority = `${LOOPBACK}:${targetPort}`;
  const credentials = Buffer.from(`${user?.name}:${user?.password}`).toString("base64");
  const field = user === undefined ? "" : `Proxy-Authorization: Basic ${credentials}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${field}\r\n`);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) head += (await take(socket, 1)).toString("latin1");
  if (!/^HTTP\/1\.1 200 /.test(head)) throw new Error(`Cannot connect: the proxy answered ${head}`);
  return socket;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: LOOPBACK, allowHalfOpen: true });
  await once(socket, "connect");
  // How a connection ends is what tests look at; an error is followed by the close.
  socket.on("error", () => undefined);
  return socket;
}

async function take(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: unknown = socket.read(bytes);
    if (chunk instanceof Buffer) return chunk;
    if (socket.readableEnded || socket.destroyed) throw new Error("The proxy closed the connection");
    await Promise.race([once(socket, "readable"), once(socket, "close")]);
  }
}

export interface TcpTarget {
  readonly port: number;
  /** Opens a tunnel to this target; the two ends belong to the test. */
  through(open: OpenTunnel, proxyPort: number, user?: ProxyUser): Promise<Tunnel>;
  stop(): Promise<void>;
}

export interface Tunnel {
  readonly client: Socket;
  readonly server: Socket;
}

/** A listener that says nothing by itself. */
export async function startTarget(): Promise<TcpTarget> {
  const server = createServer({ allowHalfOpen: true });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // One after the other: only so is it known whose connection arrives.
  let last: Promise<unknown> = Promise.resolve();
  return {
    port,
    through(open, proxyPort, user) {
      const tunnel = last.then(async () => {
        const [[accepted], client] = await Promise.all([
          once(server, "connection") as Promise<[Socket]>,
          open(proxyPort, port, user),
        ]);
        return { client, server: accepted };
      });
      last = tunnel.catch(() => undefined);
      return tunnel;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Moves bytes from one end to the other. @throws when they do not arrive, or arrive changed */
export async function move(from: Socket, to: Socket, bytes: number): Promise<void> {
  const sent = createHash("sha256");
  const received = receive(to, bytes);
  await Promise.all([
    received,
    (async () => {
      for (const piece of demoBytes(0, bytes)) {
        sent.update(piece);
        if (!from.write(piece)) await Promise.race([once(from, "drain"), received]);
      }
    })(),
  ]);
  if ((await received) !== sent.digest("hex")) throw new Error(`The ${bytes} bytes arrived changed`);
}

/** Takes exactly `bytes` off a socket; resolves to their SHA-256. */
function receive(from: Socket, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  let count = 0;
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error(`The connection closed after ${count} of ${bytes} bytes`));
    const onData = (chunk: Buffer): void => {
      hash.update(chunk);
      count += chunk.length;
      if (count < bytes) return;
      from.off("data", onData).off("close", onClose).pause();
      if (count === bytes) resolve(hash.digest("hex"));
      else reject(new Error(`${count} bytes arrived: expected ${bytes}`));
    };
    from.on("data", onData).on("close", onClose).resume();
  });
}

/** Ends both directions in order; resolves once both ends are closed. @throws when something else still came */
export async function finish({ client, server }: Tunnel): Promise<void> {
  const ends = [client, server].map(async (socket) => {
    const extra = (chunk: Buffer): void => void socket.destroy(new Error(`${chunk.length} bytes too many`));
    await once(socket.on("data", extra), "close");
    if (!socket.readableEnded) throw new Error("The connection broke off");
  });
  client.end();
  server.end();
  await Promise.all(ends);
}

/** Resolves once a socket is closed: true when its end was an orderly one. */
export async function endedInOrder(socket: Socket): Promise<boolean> {
  // Not `once` of node:events: the error before the close would reject it.
  if (!socket.closed) await new Promise<void>((resolve) => socket.resume().once("close", () => resolve()));
  return socket.readableEnded;
}
