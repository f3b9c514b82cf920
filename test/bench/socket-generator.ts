// The client of the WebSocket benchmark: keeps one message under way on each connection for a while and prints how many came
// back, as JSON. On bare sockets, because a client library would be the bottleneck.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ECHO_PAYLOAD_BYTES, type SocketLoad, type SocketLoadResult } from "./socket-load.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as SocketLoad;
/** A client's frame must have a mask; zeros leave the payload as it is (RFC 6455 section 5.3). */
const FRAME = Buffer.concat([
  Buffer.from([0x82, 0x80 | ECHO_PAYLOAD_BYTES, 0, 0, 0, 0]),
  Buffer.alloc(ECHO_PAYLOAD_BYTES, "causeway"),
]);
const REPLY_BYTES = 2 + ECHO_PAYLOAD_BYTES;
let roundTrips = 0;

async function open(): Promise<Socket> {
  const socket = connect(options.port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${options.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2F1c2V3YXkgYmVuY2htYQ==\r\n\r\n`,
  );
  const [head] = (await once(socket, "data")) as [Buffer];
  if (!head.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(`Cannot upgrade: ${head}`);
  return socket;
}

function pingPong(socket: Socket): void {
  let received = 0;
  socket.on("data", (piece: Buffer) => {
    received += piece.length;
    while (received >= REPLY_BYTES) {
      received -= REPLY_BYTES;
      roundTrips++;
      socket.write(FRAME);
    }
  });
  socket.write(FRAME);
}

const sockets = await Promise.all(Array.from({ length: options.connections }, open));
const startedAt = performance.now();
for (const socket of sockets) pingPong(socket);
setTimeout(() => {
  const result: SocketLoadResult = { roundTripsPerS: (roundTrips * 1_000) / (performance.now() - startedAt) };
  process.stdout.write(JSON.stringify(result));
  process.exit(0);
}, options.seconds * 1_000);
