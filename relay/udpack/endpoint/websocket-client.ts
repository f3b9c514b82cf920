// The client's side of the WebSocket carrier.

import { WebSocket } from "ws";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { formatAuthority } from "../../../shared/net/address.ts";
import type { EngineListener, PacketEngine, Remote } from "../engine/engine.ts";
import { WebSocketEngine } from "./websocket-engine.ts";
import { WEBSOCKET_PATH, WEBSOCKET_PROTOCOL } from "./websocket-server.ts";

/**
 * Opens a carrier to the server.
 * @throws what the network says, or that the wait is over
 */
export async function openWebSocket(remote: Remote, listener: EngineListener): Promise<PacketEngine> {
  const url = `ws://${formatAuthority(remote.address, remote.port)}${WEBSOCKET_PATH}`;
  const socket = new WebSocket(url, WEBSOCKET_PROTOCOL, {
    handshakeTimeout: UDPACK_ENDPOINT_LIMITS.WEBSOCKET_OPEN_MS,
    maxPayload: UDPACK_ENDPOINT_LIMITS.WEBSOCKET_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    followRedirects: false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return new WebSocketEngine(socket, { address: "", port: 0 }, remote, listener);
}
