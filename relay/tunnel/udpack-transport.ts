// UDPack as the tunnel's transport: what the configuration says, handed to the endpoints.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { UdpackInboundConfig, UdpackOutboundConfig } from "../../shared/config/schema.ts";
import { decodeBase64Url, encodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { UDPACK_TUNNEL_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import type { ListenAt } from "../inbound/inbound.ts";
import type { ListenCarrier } from "../inbound/udpack.ts";
import { claimPort, PortTakenError } from "../serve/listen.ts";
import { connect, type UdpackClient } from "../udpack/endpoint/client.ts";
import { listen, type UdpackServer } from "../udpack/endpoint/server.ts";
import type { UdpackSession } from "../udpack/endpoint/session.ts";
import type { ReadSession } from "./book.ts";
import type {
  CarrierClient,
  CarrierServer,
  CarrierSession,
  CarrierStream,
  DatagramEnd,
  DatagramLane,
  OnDatagram,
} from "./carrier.ts";
import { serverText, silenceText } from "./silence.ts";
import type { TunnelWatch } from "./tunnels.ts";

/** How an inbound of the configuration listens. */
export function udpackListener(config: UdpackInboundConfig): ListenCarrier {
  return async (at, { nameOf, onSession, onStranger }) => {
    let isAccepting = true;
    const server = await openServer(config, at, (publicKey) =>
      isAccepting ? nameOf(encodeBase64Url(publicKey)) : undefined,
    );
    server.on("session", (session, name) => onSession(new ServerSession(session), name));
    server.on("stranger", (publicKey, { address }) => {
      if (isAccepting) onStranger(encodeBase64Url(publicKey), address);
    });
    return carrierServer(server, () => {
      isAccepting = false;
    });
  };
}

function carrierServer(server: UdpackServer<string>, stopAccepting: () => void): CarrierServer {
  const { address, port } = server.address;
  return { address, port, stopAccepting, close: () => server.close() };
}

type Allowed = (publicKey: Uint8Array) => string | undefined;

/** @throws PortTakenError; an Error that names the setting when the system refuses otherwise */
async function openServer(
  { key, offload, mtu, rate, websocket }: UdpackInboundConfig,
  at: ListenAt,
  allowed: Allowed,
): Promise<UdpackServer<string>> {
  const secretKey = decodeBase64Url(key) ?? new Uint8Array(0);
  const settings = { secretKey, allowed, offload, mtu, rate, webSocket: websocket };
  const { host, port } = at;
  for (let tries = 1; ; tries++) {
    try {
      const address = isIP(host) ? host : (await lookup(host)).address;
      // Fewer ports are free for TCP than for UDP: connections hold them, too.
      const free = websocket ? await claimPort(at) : port;
      return await listen({ ...settings, address, port: free, streams: UDPACK_TUNNEL_LIMITS.STREAMS_MAX });
    } catch (error) {
      if (error instanceof PortTakenError) throw error;
      const { code = String(error) } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port === 0 && tries < UDPACK_TUNNEL_LIMITS.FREE_PORT_TRIES_MAX) continue;
      if (code === "EADDRINUSE") throw new PortTakenError(at, { cause: error });
      const where = formatAuthority(host, port);
      throw new Error(`Cannot listen on ${where}, as ${at.setting} says: ${code}`, { cause: error });
    }
  }
}

function statsOf(session: UdpackSession): ReadSession {
  return () => {
    const { remote, engine, rttMs, loss, deliveryRate, windowBytes, streams, bytesSent, bytesReceived } =
      session.stats();
    return {
      remote: formatAuthority(remote.address, remote.port),
      engine,
      rtt_ms: rttMs,
      loss,
      rate: deliveryRate,
      window: windowBytes,
      streams,
      sent: bytesSent,
      received: bytesReceived,
    };
  };
}

class ServerSession implements CarrierSession {
  readonly stats: ReadSession;
  readonly #session: UdpackSession;

  constructor(session: UdpackSession) {
    this.#session = session;
    this.stats = statsOf(session);
  }

  get remote() {
    const { address, port } = this.#session.remote;
    return { host: address, port };
  }

  sendDatagram(...datagram: Parameters<CarrierSession["sendDatagram"]>): boolean {
    return this.#session.sendDatagram(...datagram);
  }

  on(event: "stream" | "datagram" | "close", listener: OnDatagram | ((...facts: never[]) => void)): void {
    this.#session.on(event, listener as () => void);
  }

  end(why: "refused" | "limit"): void {
    this.#session.close(why);
  }
}

/** The client of an outbound of the configuration; it connects when it is used. */
export function connectUdpack(config: UdpackOutboundConfig, watch: TunnelWatch): CarrierClient {
  return new ClientCarrier(config, watch);
}

type Take = (address: DatagramEnd, data: Buffer) => void;

class ClientCarrier implements CarrierClient {
  readonly #client: UdpackClient;
  /** Ids of streams are their session's, and after an outage there is another. */
  readonly #sessions = new WeakMap<CarrierStream, UdpackSession>();
  readonly #lanes = new WeakMap<UdpackSession, Map<number, Take>>();

  constructor(config: UdpackOutboundConfig, watch: TunnelWatch) {
    const { emit, book } = watch;
    const { name: outbound, server, server_key, key, offload, mtu, rate, websocket, keep_alive } = config;
    this.#client = connect({
      server: { host: server.host, portFirst: server.first, portLast: server.last },
      serverKey: decodeBase64Url(server_key) ?? new Uint8Array(0),
      secretKey: decodeBase64Url(key) ?? new Uint8Array(0),
      offload,
      mtu,
      rate,
      webSocket: websocket,
      persistent: keep_alive,
      streams: 0,
    });
    const where = serverText(server);
    this.#client.on("down", (code) => emit({ type: "tunnel_down", outbound, code }));
    this.#client.on("unanswered", (silence) =>
      emit({
        type: "tunnel_unanswered",
        outbound,
        server: where,
        code: silence.kind,
        why: silenceText(silence, websocket),
      }),
    );
    this.#client.on("session", (session) => {
      const { address, port } = session.remote;
      const over = book.open(
        { role: "client", service: outbound, name: outbound },
        Date.now(),
        statsOf(session),
      );
      session.on("close", over);
      emit({
        type: "tunnel_up",
        outbound,
        server: formatAuthority(address, port),
        engine: session.engine.kind,
      });
      const lanes = new Map<number, Take>();
      this.#lanes.set(session, lanes);
      session.on("datagram", (association, address, data) => {
        if (address !== undefined) lanes.get(association)?.(address, data);
      });
    });
  }

  openStream(): CarrierStream {
    const stream = this.#client.openStream();
    const note = (): void => {
      const { session } = this.#client;
      if (session !== undefined) this.#sessions.set(stream, session);
    };
    if (stream.id === undefined) stream.once("open", note);
    else note();
    return stream;
  }

  lane(stream: CarrierStream, onDatagram: Take): DatagramLane {
    const session = this.#sessions.get(stream);
    const { id } = stream;
    if (session === undefined || id === undefined) throw new CausewayError("tunnel_failed");
    const lanes = this.#lanes.get(session);
    lanes?.set(id, onDatagram);
    stream.once("close", () => lanes?.delete(id));
    return { send: (address, data) => session.sendDatagram(id, address, data) };
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}
