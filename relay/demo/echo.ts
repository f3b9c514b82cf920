// The demo origin's WebSocket echo: text and binary come back as they were; "close:CODE:REASON" closes so.

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { DEMO_LIMITS } from "../../shared/limits.ts";

const SUBPROTOCOL = "echo.v1";

export interface EchoServer {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends every socket at once. */
  stop(): void;
}

/** Makes the echo; the caller hands it upgrade requests of its own HTTP server. */
export function createEcho(): EchoServer {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: DEMO_LIMITS.ECHO_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on("connection", serve);
  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => server.emit("connection", client, request));
    },
    stop() {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function serve(client: WebSocket): void {
  // ws closes the socket itself after a protocol error; without a listener the error would end the process.
  client.on("error", () => client.terminate());
  client.on("message", (data, isBinary) => {
    const order = isBinary ? null : /^close:(\d{4})(?::(.*))?$/s.exec(String(data));
    if (order === null) echo(client, data as Buffer, isBinary);
    else closeAs(client, Number(order[1]), order[2] ?? "");
  });
}

/** A client that does not read is not read either. */
function echo(client: WebSocket, data: Buffer, binary: boolean): void {
  client.send(data, { binary }, () => {
    if (client.isPaused && client.bufferedAmount < DEMO_LIMITS.ECHO_BUFFER_BYTES) client.resume();
  });
  if (client.bufferedAmount >= DEMO_LIMITS.ECHO_BUFFER_BYTES) client.pause();
}

function closeAs(client: WebSocket, code: number, reason: string): void {
  try {
    client.close(code, reason);
  } catch (error) {
    client.send(`cannot close so: ${error instanceof Error ? error.message : String(error)}`);
  }
}
