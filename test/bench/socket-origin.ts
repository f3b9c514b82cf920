// The origin of the WebSocket benchmark: an echo on bare sockets, as cheap as Node can be. It knows one kind of frame, that
// of socket-generator.ts as a proxy sends it on: binary, final, of one length, masked.

import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { ECHO_PAYLOAD_BYTES } from "./socket-load.ts";

/** RFC 6455 section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BINARY = 0x82;
const MASK_AT = 2;
const PAYLOAD_AT = 6;
const FRAME_BYTES = PAYLOAD_AT + ECHO_PAYLOAD_BYTES;

createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.once("data", (head: Buffer) => {
    const key = /^sec-websocket-key: *(\S+)/im.exec(head.toString("latin1"))?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    echo(socket);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");

function echo(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (piece: Buffer) => {
    let frames = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (frames.length >= FRAME_BYTES && frames[0] === BINARY) {
      socket.write(replyTo(frames));
      frames = frames.subarray(FRAME_BYTES);
    }
    // Anything else is a close: the load has ended.
    if (frames.length > 0 && frames[0] !== BINARY) socket.destroy();
    rest = frames;
  });
}

function replyTo(frame: Buffer): Buffer {
  const reply = Buffer.allocUnsafe(2 + ECHO_PAYLOAD_BYTES);
  reply[0] = BINARY;
  reply[1] = ECHO_PAYLOAD_BYTES;
  for (let i = 0; i < ECHO_PAYLOAD_BYTES; i++)
    reply[2 + i] = (frame[PAYLOAD_AT + i] ?? 0) ^ (frame[MASK_AT + (i & 3)] ?? 0);
  return reply;
}
