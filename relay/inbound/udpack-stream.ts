// One stream that a client of the UDP tunnel opened: what it asks for is dialled by the relay's rules, always answered, and
// carried like any proxied connection, with what the target sends spooled for slow clients.

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import { type CarrierStream, STREAM_CODES } from "../tunnel/carrier.ts";
import { type Asked, connectedPacket, readConnect, refusedPacket } from "../tunnel/connect.ts";
import { PacketStream } from "../tunnel/packet-stream.ts";
import type { Connections, Place } from "./connections.ts";
import type { SessionHost, Wish } from "./session.ts";

/** Who a session belongs to. */
export interface TunnelClientIdentity {
  /** The address that its packets come from now, canonical. */
  readonly address: string;
  /** The user's name, or "". */
  readonly user: string;
}

export interface StreamSettings {
  readonly connections: Pick<Connections, "enter">;
  /** What the target sends, spooled. */
  spooled(target: Duplex): Duplex;
  /** Serves an association to its end. */
  associate(stream: PacketStream, client: TunnelClientIdentity, place: Place): Promise<void>;
  /** No place was left. */
  onFull(client: string): void;
}

/** Serves one stream to its end. Never rejects. */
export async function serveStream(
  carrier: CarrierStream,
  client: TunnelClientIdentity,
  host: SessionHost,
  settings: StreamSettings,
): Promise<void> {
  const stream = new PacketStream(carrier);
  // Errors end the stream, which is all that matters here; the pipe listens for itself.
  stream.on("error", () => undefined);
  const place = settings.connections.enter();
  if (place === undefined) settings.onFull(client.address);
  const deadline = setTimeout(() => {
    stream.abortCode = STREAM_CODES.timeout;
    stream.destroy();
  }, host.deps.handshakeTimeoutMs);
  try {
    if (place !== undefined) tie(stream, place, host);
    const asked = readConnect(await stream.first());
    clearTimeout(deadline);
    if (asked === undefined) {
      stream.abortCode = STREAM_CODES.malformed;
      stream.destroy();
    } else if (place === undefined) refuse(stream, "proxy_full");
    else if (!isInRate(client, host)) refuse(stream, "connections_exceeded");
    else if (!host.deps.limits.seatsClient(place, client.address)) refuse(stream, "connections_exceeded");
    else await serveWish(stream, asked, { client, host, settings, place });
  } catch (error) {
    if (!stream.destroyed) refuse(stream, error instanceof CausewayError ? error.code : "internal");
  } finally {
    clearTimeout(deadline);
  }
}

interface Service {
  readonly client: TunnelClientIdentity;
  readonly host: SessionHost;
  readonly settings: StreamSettings;
  readonly place: Place;
}

/** Its place ends with the stream, and the stream with its place, until a pipe takes over both. */
function tie(stream: PacketStream, place: Place, { deps }: SessionHost): void {
  place.signal.addEventListener("abort", () => {
    if (deps.limits.wasEnded(place)) stream.abortCode = STREAM_CODES.limits;
    if (!place.carried) stream.destroy();
  });
  stream.once("close", () => {
    if (!place.carried) place.leave();
  });
}

async function serveWish(stream: PacketStream, asked: Asked, service: Service): Promise<void> {
  const { client, host, settings, place } = service;
  if (asked.type === "refused") {
    refuse(stream, asked.code);
    return;
  }
  if (asked.type === "association") {
    await settings.associate(stream, client, place);
    return;
  }
  const target = { host: asked.host, port: asked.port };
  const label = formatAuthority(target.host, target.port);
  const wish: Wish = { kind: "udpack", client: client.address, user: client.user, label };
  host.admit(wish, place);
  const dialled = await host.dial(target, wish, place.signal);
  if (stream.destroyed) {
    dialled.destroy();
    return;
  }
  await carry(stream, dialled, wish, service);
}

async function carry(
  stream: PacketStream,
  dialled: Socket,
  wish: Wish,
  { host, settings, place }: Service,
): Promise<void> {
  const { localAddress = "", localPort = 0 } = dialled;
  stream.send(connectedPacket(canonicalIp(localAddress) ?? "", localPort));
  const target = settings.spooled(dialled);
  target.once("error", (error) => {
    if (error instanceof CausewayError && error.code === "spool_failed")
      stream.abortCode = STREAM_CODES.spool;
  });
  await host.carry(stream, target, { wish, head: Buffer.alloc(0), place });
}

function isInRate({ address }: TunnelClientIdentity, { deps }: SessionHost): boolean {
  const { door } = deps.limits;
  const now = performance.now();
  return door.takesAnother(now) && door.takesAnotherOf(address, now);
}

/** Answers that there will be no connection, and gives the client a moment to end the stream itself. */
function refuse(stream: PacketStream, code: ErrorCode): void {
  stream.send(refusedPacket(code));
  stream.end();
  stream.resume();
  const timer = setTimeout(() => stream.destroy(), RELAY_LIMITS.LINGER_MS);
  stream.once("close", () => clearTimeout(timer));
}
