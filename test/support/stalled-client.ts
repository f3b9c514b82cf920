// A WebSocket client that shakes hands and then reads nothing until told to: what a stalled player or a hostile peer is.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface StalledClient {
  readonly socket: Socket;
  /** Sends a close frame with this code, still reading nothing. */
  sendClose(code: number): void;
  /** Reads to the end, which must come soon; resolves with the code of the last close frame of the server. */
  readToClose(): Promise<number>;
}

/** Upgrades `path` of the edge and stops reading right after the answer's head. */
export async function stallAt(
  edge: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<StalledClient> {
  const socket = connect(Number(new URL(edge).port), "127.0.0.1");
  socket.on("error", () => undefined);
  const fields = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const [head] = (await once(socket, "data")) as [Buffer];
  socket.pause();
  if (!head.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(`Cannot upgrade: ${head}`);
  return {
    socket,
    // Masked with zeros, which leaves the code as it is (RFC 6455 section 5.3).
    sendClose: (code) => void socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 0xff])),
    readToClose: () => lastClose(socket),
  };
}

/** The server's close frame comes last and unmasked: 0x88, its length, then the code (RFC 6455 section 5.5.1). */
async function lastClose(socket: Socket): Promise<number> {
  let tail = Buffer.alloc(0);
  const closed = new Promise<number>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-127);
      const code = codeAtEnd(tail);
      if (code !== undefined) resolve(code);
    });
  });
  socket.resume();
  return await closed;
}

function codeAtEnd(tail: Buffer): number | undefined {
  for (let at = tail.length - 4; at >= 0; at--)
    if (tail[at] === 0x88 && tail[at + 1] === tail.length - at - 2) return tail.readUInt16BE(at + 2);
  return undefined;
}
