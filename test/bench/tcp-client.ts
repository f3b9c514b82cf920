// One bulk transfer for the relay benchmarks, in a process of its own: through SOCKS5, or straight where the path is a
// plain TCP forward. Prints the seconds from the request to the last byte, and the bytes, as JSON; fails on any missing byte.

import { connect, type Socket } from "node:net";

interface Transfer {
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  readonly port: number;
  /** The target asked of the SOCKS proxy; absent: the port itself leads to the origin. */
  readonly socksTarget?: number;
  readonly direction: "down" | "up";
  readonly bytes: number;
  /** A download that is not done by then is broken off; what has come counts. */
  readonly withinMs?: number;
}

const CHUNK = Buffer.alloc(256 * 1024, "causeway ");
const CONNECT_REPLY_BYTES = 10;
const transfer = JSON.parse(process.argv[2] ?? "{}") as Transfer;
const { promise, resolve, reject } = Promise.withResolvers<number>();
let startedAt = 0;
let received = 0;
let answer = "";
/** Bytes of the SOCKS replies still to come: 2 for the method, then the connect's. */
let handshakeLeft = transfer.socksTarget === undefined ? 0 : 2 + CONNECT_REPLY_BYTES;

const socket: Socket = connect({
  host: transfer.host ?? "127.0.0.1",
  port: transfer.port,
  noDelay: true,
  allowHalfOpen: true,
  onread: {
    buffer: Buffer.alloc(256 * 1024),
    callback: (length, buffer) => onBytes(buffer.subarray(0, length)),
  },
});
socket.on("connect", () => {
  if (transfer.socksTarget === undefined) begin();
  else socket.write(Buffer.from([5, 1, 0]));
});
socket.on("end", finish);
socket.on("error", reject);

const seconds = await promise;
process.stdout.write(
  JSON.stringify({ seconds, bytes: transfer.direction === "down" ? received : transfer.bytes }),
);
process.exit(0);

/** RFC 1928 section 4. Sent after the method's answer: some servers read no more than one message at a time. */
function socksConnect(port: number): Buffer {
  return Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]);
}

function onBytes(bytes: Uint8Array): boolean {
  let payload = bytes.length;
  if (handshakeLeft > 0) {
    const taken = Math.min(handshakeLeft, payload);
    handshakeLeft -= taken;
    payload -= taken;
    if (handshakeLeft === CONNECT_REPLY_BYTES) socket.write(socksConnect(transfer.socksTarget ?? 0));
    else if (handshakeLeft === 0) begin();
  }
  received += payload;
  if (transfer.direction === "up" && payload > 0)
    answer += Buffer.from(bytes.subarray(bytes.length - payload)).toString();
  return true;
}

function begin(): void {
  startedAt = performance.now();
  const { withinMs } = transfer;
  if (withinMs !== undefined) setTimeout(() => resolve((performance.now() - startedAt) / 1_000), withinMs);
  if (transfer.direction === "down") socket.write(`D ${transfer.bytes}\n`);
  else upload();
}

function upload(): void {
  let left = transfer.bytes;
  socket.write(`U ${transfer.bytes}\n`);
  const more = () => {
    while (left > 0) {
      const part = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
      left -= part.length;
      if (!socket.write(part)) return void socket.once("drain", more);
    }
  };
  more();
}

function finish(): void {
  const whole = transfer.direction === "down" ? received : Number(answer);
  if (whole === transfer.bytes) resolve((performance.now() - startedAt) / 1_000);
  else reject(new Error(`${whole} of ${transfer.bytes} bytes arrived`));
}
