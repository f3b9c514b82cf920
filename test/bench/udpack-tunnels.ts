// The tunnels that `npm run bench:udpack` compares: each a TCP forward to the origin whose two ends are processes of their
// own. Which way they go between the ends is the path's: loopback, a link that both sides share, or one for datagrams alone.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { LinkOptions } from "../support/lossy-link.ts";
import { type Child, startScript } from "./children.ts";
import type { LinkCounts } from "./tun-direction.ts";
import type { TunNetwork } from "./tun-network.ts";
import { LOOPBACK, type Side } from "./udpack-side.ts";

/** Largest UDP payload of every tunnel, bytes. */
export const MTU = 1_400;
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
const CLIENT_HOST = "127.0.0.1";
const PORT_TRIES = 32;

/** What `udpack-end.ts` is to do; the client's `to` is the server or the link, the server's the origin. */
export interface UdpackEnd {
  readonly role: "client" | "server";
  /** Where the server is, and the origin. */
  readonly host: string;
  readonly to: number;
  readonly offload: boolean;
  readonly mtu: number;
}

export type DatagramLink = Omit<LinkOptions, "targetPort" | "port">;
export type DatagramLinkOrder = DatagramLink & Pick<LinkOptions, "targetPort">;

/** The way between the ends. */
export interface Path {
  readonly near: Side;
  readonly far: Side;
  /** At the far side. */
  readonly originPort: number;
  /** Sides that share this machine are kept apart by a link of each tunnel's own, which TCP cannot take. */
  readonly datagramLink?: DatagramLink;
  /** The link that leads from side to side. */
  readonly network?: TunNetwork;
}

export interface Tunnel {
  readonly name: string;
  /** Where clients of the near side connect by TCP. */
  readonly near: Side;
  readonly host: string;
  readonly port: number;
  /** The processes of both ends; none where the kernel does it all. */
  readonly ends: readonly Child[];
  /** To be awaited before each transfer. */
  prepare(): Promise<void>;
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

/** How the two ends of one kind of tunnel are started: a server at `port` of the far side, and a client that dials it. */
interface Ends {
  readonly name: string;
  server(far: Side, port: number, originPort: number): Promise<Child>;
  client(near: Side, port: number, serverHost: string, serverPort: number): Promise<Child>;
}

/** UDPack with one of its engines. */
export function udpack(engine: "portable" | "offload"): Ends {
  const argsOf = (port: number, part: Pick<UdpackEnd, "role" | "host" | "to">): string[] => {
    const end: UdpackEnd = { ...part, offload: engine === "offload", mtu: MTU };
    const script = join(import.meta.dirname, "udpack-end.ts");
    return ["--disable-warning=ExperimentalWarning", script, String(port), JSON.stringify(end)];
  };
  return {
    name: `UDPack ${engine}`,
    server: (far, port, to) =>
      far.start(process.execPath, argsOf(port, { role: "server", host: far.host, to }), {
        protocol: "udp",
        port,
      }),
    client: (near, port, host, to) =>
      near.start(process.execPath, argsOf(port, { role: "client", host, to }), { protocol: "tcp", port }),
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
    server: (far, port, to) =>
      far.start("kcptun-server", ["-l", `${far.host}:${port}`, "-t", `${far.host}:${to}`, ...shared], {
        protocol: "udp",
        port,
      }),
    client: (near, port, host, to) =>
      near.start("kcptun-client", ["-l", `${CLIENT_HOST}:${port}`, "-r", `${host}:${to}`, ...shared], {
        protocol: "tcp",
        port,
      }),
  };
}

/** No tunnel: TCP straight to the origin, with a congestion control of the sender where it may be chosen. */
export function plainTcp({ near, far, originPort, network }: Path, congestionControl?: string): Tunnel {
  return {
    name: congestionControl === undefined ? "TCP, no tunnel" : `TCP ${congestionControl}, no tunnel`,
    near,
    host: far.host,
    port: originPort,
    ends: [],
    async prepare() {
      if (congestionControl !== undefined) await network?.useCongestionControl(congestionControl);
    },
    counts: async () => network?.counts(),
    async stop() {},
  };
}

/** Starts both ends, and a link between them if they have one of their own. */
export async function startTunnel(ends: Ends, path: Path): Promise<Tunnel> {
  const { near, far, network, originPort, datagramLink } = path;
  const [serverPort = 0, port = 0, thirdPort = 0] = await freePorts(3);
  const linkPort = datagramLink && thirdPort;
  const server = await ends.server(far, serverPort, originPort);
  const children = [server];
  if (datagramLink && linkPort !== undefined) {
    const order: DatagramLinkOrder = { ...datagramLink, targetPort: serverPort };
    children.push(await startScript("udpack-link.ts", linkPort, JSON.stringify(order)));
  }
  const client = await ends.client(near, port, far.host, linkPort ?? serverPort);
  children.push(client);
  return {
    name: ends.name,
    near,
    host: CLIENT_HOST,
    port,
    ends: [client, server],
    async prepare() {},
    counts: async () => (linkPort === undefined ? network?.counts() : readCounts(linkPort)),
    async stop() {
      await Promise.all(children.map((child) => child.stop()));
    },
  };
}

/** Ports that are free for TCP and for UDP. They are held together until all are found, or the system gives one twice. */
async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    while (ports.length < count && held.length < PORT_TRIES) {
      const server = createServer().listen(0, LOOPBACK.host);
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
  socket.bind(port, LOOPBACK.host);
  try {
    await bound;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

async function readCounts(linkPort: number): Promise<LinkCounts> {
  return (await json(connect({ host: LOOPBACK.host, port: linkPort }))) as LinkCounts;
}
