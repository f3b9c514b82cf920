// The server's side of the WebSocket carrier: an HTTP server on the UDP socket's address that knows one path.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
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
  /** Whether a session lives on the carrier. */
  isUsed(carrier: PacketEngine): boolean;
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
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.headersTimeout = UDPACK_ENDPOINT_LIMITS.WEBSOCKET_OPEN_MS;
  server.maxConnections = UDPACK_ENDPOINT_LIMITS.WEBSOCKETS_MAX;
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
    const unused = [...open].filter((carrier) => !options.isUsed(carrier));
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

function isCarrier(request: IncomingMessage): boolean {
  const protocols = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
  return request.url === WEBSOCKET_PATH && protocols.includes(WEBSOCKET_PROTOCOL);
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
