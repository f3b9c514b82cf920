// The tunnels that `npm run bench:udpack` compares: each a TCP forward to the origin whose two ends are processes of their
// own, with the lossy link between them as a third where there is one.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { LinkOptions } from "../support/lossy-link.ts";
import { type Child, cpuSeconds, startProgram, startScript } from "./children.ts";

/** Largest UDP payload of every tunnel, bytes. */
export const MTU = 1_400;
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
const HOST = "127.0.0.1";
const PORT_TRIES = 32;

/** What `udpack-end.ts` is to do; the client's `to` is the server or the link, the server's the origin. */
export interface UdpackEnd {
  readonly role: "client" | "server";
  readonly to: number;
  readonly offload: boolean;
  readonly mtu: number;
}

export type Path = Omit<LinkOptions, "targetPort" | "port">;
export type LinkOrder = Path & Pick<LinkOptions, "targetPort">;

/** Bytes that entered the link each way, lost ones and IP and UDP headers included, and packets lost and carried. */
export interface LinkCounts {
  readonly up: number;
  readonly down: number;
  readonly lost: number;
  readonly carried: number;
}

export interface Tunnel {
  readonly name: string;
  /** Where clients connect by TCP. */
  readonly port: number;
  /** CPU seconds of both ends together; NaN where there are none. */
  cpu(): number;
  /** What the link has seen; undefined without one. */
  counts(): Promise<LinkCounts | undefined>;
  stop(): Promise<void>;
}

export type KcptunMode = "fast2" | "fast3";

export interface KcptunSettings {
  readonly mode: KcptunMode;
  /** Send and receive window, packets. */
  readonly window: number;
}

/** How the two ends of one kind of tunnel are started. */
interface Ends {
  readonly name: string;
  server(port: number, originPort: number): Promise<Child>;
  client(port: number, to: number): Promise<Child>;
}

/** UDPack with one of its engines. */
export function udpack(engine: "portable" | "offload"): Ends {
  const argsOf = (role: UdpackEnd["role"], port: number, to: number): string[] => {
    const end: UdpackEnd = { role, to, offload: engine === "offload", mtu: MTU };
    const script = join(import.meta.dirname, "udpack-end.ts");
    return ["--disable-warning=ExperimentalWarning", script, String(port), JSON.stringify(end)];
  };
  return {
    name: `UDPack ${engine}`,
    server: (port, to) => startProgram(process.execPath, argsOf("server", port, to), undefined),
    client: (port, to) => startProgram(process.execPath, argsOf("client", port, to), port),
  };
}

/** kcptun with AES-128, without error correction and compression. */
export function kcptun({ mode, window }: KcptunSettings): Ends {
  const shared = (
    `--crypt aes-128 --key bench --mode ${mode} --mtu ${MTU} --datashard 0 --parityshard 0 ` +
    `--sndwnd ${window} --rcvwnd ${window} --sockbuf ${SOCKET_BUFFER_BYTES} --nocomp --quiet`
  ).split(" ");
  return {
    name: `kcptun ${mode}, window ${window}`,
    server: (port, to) =>
      startProgram("kcptun-server", ["-l", `${HOST}:${port}`, "-t", `${HOST}:${to}`, ...shared], undefined),
    client: (port, to) =>
      startProgram("kcptun-client", ["-l", `${HOST}:${port}`, "-r", `${HOST}:${to}`, ...shared], port),
  };
}

/** No tunnel: TCP straight to the origin. */
export function plainTcp(originPort: number): Tunnel {
  return {
    name: "TCP, no tunnel",
    port: originPort,
    cpu: () => Number.NaN,
    counts: async () => undefined,
    async stop() {},
  };
}

/** Ports that are free for TCP and for UDP. They are held together until all are found, or the system gives one twice. */
async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    while (ports.length < count && held.length < PORT_TRIES) {
      const server = createServer().listen(0, HOST);
      held.push(server);
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      if (await isFreeForUdp(port)) ports.push(port);
    }
    if (ports.length < count) throw new Error("Cannot find ports that are free for TCP and for UDP");
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const bound = once(socket, "listening");
  socket.bind(port, HOST);
  try {
    await bound;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

/** Starts both ends, and a link between them if there is a path to act. */
export async function startTunnel(ends: Ends, originPort: number, path?: Path): Promise<Tunnel> {
  const [serverPort = 0, port = 0, thirdPort] = await freePorts(3);
  const linkPort = path && thirdPort;
  const server = await ends.server(serverPort, originPort);
  const children = [server];
  if (path && linkPort !== undefined) {
    const order: LinkOrder = { ...path, targetPort: serverPort };
    children.push(await startScript("udpack-link.ts", linkPort, JSON.stringify(order)));
  }
  const client = await ends.client(port, linkPort ?? serverPort);
  children.push(client);
  return {
    name: ends.name,
    port,
    cpu: () => cpuSeconds(client.pid) + cpuSeconds(server.pid),
    counts: async () => (linkPort === undefined ? undefined : readCounts(linkPort)),
    async stop() {
      await Promise.all(children.map((child) => child.stop()));
    },
  };
}

async function readCounts(linkPort: number): Promise<LinkCounts> {
  return (await json(connect({ host: HOST, port: linkPort }))) as LinkCounts;
}
