// The server's side of the WebSocket carrier: an HTTP server on the UDP socket's address that knows one path.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { canonicalIp } from "../../../shared/net/address.ts";
import { clientNetwork } from "../../../shared/net/client-network.ts";
import type { EngineListener, PacketEngine, Remote } from "../engine/engine.ts";
import { WebSocketEngine } from "./websocket-engine.ts";

/** Path and subprotocol of docs/UDPACK.md section 10. */
export const WEBSOCKET_PATH = "/udpack";
export const WEBSOCKET_PROTOCOL = "udpack.v1";

export interface WebSocketListener {
  readonly port: number;
  /** Ends all carriers and stops listening. */
  close(): Promise<void>;
}

export interface WebSocketListenOptions {
  readonly address: string;
  readonly port: number;
  readonly listener: EngineListener;
  /** The carriers that sessions live on. */
  used(): ReadonlySet<PacketEngine>;
}

/**
 * Listens for carriers on TCP; ends those that carry no session for a while.
 * @throws what the system says about the address or the port
 */
export async function listenWebSocket(options: WebSocketListenOptions): Promise<WebSocketListener> {
  const { address, port, listener } = options;
  const open = new Set<WebSocketEngine>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: UDPACK_ENDPOINT_LIMITS.WEBSOCKET_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(WEBSOCKET_PROTOCOL) ? WEBSOCKET_PROTOCOL : false),
  });
  const server = httpServer();
  server.on("upgrade", (request, socket, head) => {
    if (!isCarrier(request)) {
      refuse(socket);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { localAddress = address, localPort = port, remoteAddress = "", remotePort = 0 } = request.socket;
      const remote: Remote = { address: remoteAddress, port: remotePort };
      const carrier = new WebSocketEngine(webSocket, { address: localAddress, port: localPort }, remote, {
        received: (...args) => listener.received(...args),
        drained: (engine) => listener.drained(engine),
        ended(engine) {
          open.delete(carrier);
          listener.ended(engine);
        },
      });
      open.add(carrier);
    });
  });
  await bind(server, address, port);
  let idle = new Set<WebSocketEngine>();
  const sweep = setInterval(() => {
    const used = options.used();
    const unused = [...open].filter((carrier) => !used.has(carrier));
    for (const carrier of unused) if (idle.has(carrier)) carrier.close();
    idle = new Set(unused);
  }, UDPACK_ENDPOINT_LIMITS.WEBSOCKET_OPEN_MS);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    async close() {
      clearInterval(sweep);
      for (const carrier of open) carrier.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A server that answers nothing but upgrades, and gives up those who keep it waiting. */
function httpServer(): Server {
  const { WEBSOCKET_OPEN_MS, WEBSOCKET_SWEEP_MS, WEBSOCKETS_MAX } = UDPACK_ENDPOINT_LIMITS;
  const limits = {
    connectionsCheckingInterval: WEBSOCKET_SWEEP_MS,
    headersTimeout: WEBSOCKET_OPEN_MS,
    requestTimeout: WEBSOCKET_OPEN_MS,
  };
  const server = createServer(limits, (_request, response) => {
    response.writeHead(404, { connection: "close" }).end();
  });
  server.maxConnections = WEBSOCKETS_MAX;
  const networks = new Map<string, number>();
  server.on("connection", (socket) => countByNetwork(networks, socket));
  // A connection that could not be accepted, for want of descriptors: the next one may be.
  server.on("error", () => {});
  return server;
}

/** One network must not take all the places. */
function countByNetwork(networks: Map<string, number>, socket: Socket): void {
  const { remoteAddress = "" } = socket;
  const network = clientNetwork(canonicalIp(remoteAddress) ?? remoteAddress);
  const count = (networks.get(network) ?? 0) + 1;
  if (count > UDPACK_ENDPOINT_LIMITS.WEBSOCKETS_PER_NETWORK_MAX) {
    socket.destroy();
    return;
  }
  networks.set(network, count);
  socket.once("close", () => {
    const left = (networks.get(network) ?? 1) - 1;
    if (left > 0) networks.set(network, left);
    else networks.delete(network);
  });
}

/** Programs that are clients send no Origin: who does is a browser, made to by some page. */
function isCarrier(request: IncomingMessage): boolean {
  const protocols = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
  const isBrowser = request.headers.origin !== undefined;
  return request.url === WEBSOCKET_PATH && protocols.includes(WEBSOCKET_PROTOCOL) && !isBrowser;
}

function refuse(socket: Duplex): void {
  socket.on("error", () => {});
  socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

async function bind(server: Server, address: string, port: number): Promise<void> {
  const listening = once(server, "listening");
  server.listen(port, address);
  await listening;
}
