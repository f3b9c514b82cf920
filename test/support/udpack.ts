// A UDPack server and client for tests, with keys made from seeds; everything is closed at the end of a test.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { choosePrimitives } from "../../relay/udpack/crypto/choose.ts";
import { keyPairOf } from "../../relay/udpack/crypto/keys.ts";
import { type ConnectOptions, connect, type UdpackClient } from "../../relay/udpack/endpoint/client.ts";
import { type ListenOptions, listen, type UdpackServer } from "../../relay/udpack/endpoint/server.ts";
import type { UdpackSession } from "../../relay/udpack/endpoint/session.ts";
import type { UdpackStream } from "../../relay/udpack/endpoint/stream.ts";

// Files run at the same time: what goes to a wrong port must find a server that does not know the keys. Processes that a
// test starts have those of the test.
if (process.env.VITEST) process.env.UDPACK_TEST_RUN ??= randomUUID();

/** A static key pair made from one number, of this run's. */
export function testKeys(seed: number) {
  const secret = createHash("sha256").update(`${process.env.UDPACK_TEST_RUN} ${seed}`).digest();
  return keyPairOf(choosePrimitives(), secret);
}

export const SERVER_KEYS = testKeys(1);
export const CLIENT_KEYS = testKeys(2);

/** A server on loopback that knows one client, "tester". */
export function testServer(options: Partial<ListenOptions<string>> = {}): Promise<UdpackServer<string>> {
  const known = Buffer.from(CLIENT_KEYS.public);
  return listen({
    address: "127.0.0.1",
    port: 0,
    secretKey: SERVER_KEYS.secret,
    allowed: (key) => (known.equals(key) ? "tester" : undefined),
    offload: false,
    mtu: 0,
    webSocket: false,
    streams: 1_024,
    ...options,
  });
}

/** A client of whatever listens on the port. */
export function testClient(port: number, options: Partial<ConnectOptions> = {}): UdpackClient {
  return connect({
    server: { host: "127.0.0.1", portFirst: port, portLast: port },
    serverKey: SERVER_KEYS.public,
    secretKey: CLIENT_KEYS.secret,
    offload: false,
    mtu: 0,
    webSocket: false,
    persistent: false,
    streams: 0,
    ...options,
  });
}

/** The server sends every stream back as it comes. */
export function echo(server: UdpackServer<string>): void {
  server.on("session", (session) => {
    session.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.pipe(stream);
    });
  });
}

/** The session that the server sees next. */
export async function nextSession(server: UdpackServer<string>): Promise<UdpackSession> {
  const [session] = await once(server, "session");
  return session as UdpackSession;
}

/** The stream that the peer opens next. */
export async function nextStream(session: UdpackSession): Promise<UdpackStream> {
  const [stream] = await once(session, "stream");
  return stream as UdpackStream;
}

/** Everything that a stream gives. (`for await` would destroy the other direction, too.) */
export async function whole(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks);
}

export async function text(stream: Readable): Promise<string> {
  return String(await whole(stream));
}

/** Everything that a stream gives, as a hash, and how much it was. */
export async function digest(stream: Readable): Promise<{ hash: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  await once(stream, "end");
  return { hash: hash.digest("hex"), bytes };
}

/** Writes so many random bytes with respect to back-pressure, ends the stream, and gives their hash. */
export async function upload(stream: UdpackStream, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  const chunk = randomBytes(61_441);
  for (let left = bytes; left > 0; left -= chunk.length) {
    const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
    hash.update(part);
    if (!stream.write(Buffer.from(part))) await once(stream, "drain");
  }
  stream.end();
  return hash.digest("hex");
}
