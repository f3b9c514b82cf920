// A UDPack server: one UDP socket, and a WebSocket listener beside it; answers handshakes of clients that it knows, and
// finds for each packet its session.

import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { choosePrimitives } from "../crypto/choose.ts";
import { keyPairOf } from "../crypto/keys.ts";
import type { TransportParameters } from "../crypto/params.ts";
import { Resets } from "../crypto/reset.ts";
import type { EngineListener, PacketEngine, Remote } from "../engine/engine.ts";
import { engineOpener } from "../engine/open.ts";
import type { EstablishedKeys } from "../handshake/established.ts";
import { Responder, type ResponderCounts } from "../handshake/responder.ts";
import type { CloseCode } from "../wire/codes.ts";
import { connectionKey, isSameId, PACKET_KINDS, PacketView, readPacket } from "../wire/packet.ts";
import { salvage } from "../wire/salvage.ts";
import { ClientSessions } from "./client-sessions.ts";
import { makeMachines, type TransportSettings } from "./machines.ts";
import { ownParameters } from "./parameters.ts";
import { Scheduler } from "./scheduler.ts";
import { type SessionHost, UdpackSession } from "./session.ts";
import { listenWebSocket, type WebSocketListener } from "./websocket-server.ts";

/** Ports that the system offers for TCP until one is free for UDP, too. */
const FREE_PORT_TRIES = 8;

export interface ListenOptions<C> {
  /** IP literal. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** The server's static secret key, 32 bytes. */
  readonly secretKey: Uint8Array;
  /** What is known of a client by its public key; undefined: it may not connect. */
  allowed(publicKey: Uint8Array): C | undefined;
  readonly offload: boolean;
  /** UDP payload bytes; 0: probed where possible, else 1,200. */
  readonly mtu: number;
  /** Bytes per second that the link has, where that is known. */
  readonly rate?: number | undefined;
  /** Listens for the WebSocket carrier on the same address. */
  readonly webSocket: boolean;
  /** Streams that one client may have open. */
  readonly streams: number;
}

export interface ServerEvents<C> {
  /** A client is there: its first data packet has opened. */
  session: [session: UdpackSession, client: C];
  /** Somebody who knows the server's public key asked to connect with another key than those allowed. Nothing of it is proven. */
  stranger: [publicKey: Uint8Array, source: Remote];
}

/**
 * Starts a server.
 * @throws what the system says about the address or the port
 */
export async function listen<C>(options: ListenOptions<C>): Promise<UdpackServer<C>> {
  const server = new UdpackServer(options);
  await server.open();
  return server;
}

/** Where the initiation of a session came from, and its response went to. */
interface Origin {
  readonly engine: PacketEngine;
  readonly remote: Remote;
}

export class UdpackServer<C> extends EventEmitter<ServerEvents<C>> implements SessionHost {
  readonly scheduler = new Scheduler();
  readonly scratch = new Uint8Array(UDPACK_ENDPOINT_LIMITS.DATAGRAM_BYTES_MAX);
  readonly #options: ListenOptions<C>;
  readonly #settings: TransportSettings;
  readonly #carrierListener: EngineListener = {
    received: (data, remote, engine) => this.#received(data, remote, engine),
    drained: (engine) => {
      for (const session of this.#sessionsOn(engine)) session.drained();
    },
    ended: (engine) => {
      for (const session of this.#sessionsOn(engine)) session.abandon("idle");
    },
  };
  readonly #view = new PacketView();
  /** By own connection id. */
  readonly #sessions = new Map<number, UdpackSession>();
  readonly #clients = new ClientSessions();
  /** Of sessions that no data packet has confirmed. */
  readonly #origins = new WeakMap<EstablishedKeys, Origin>();
  #isClosed = false;
  #engine: PacketEngine | undefined;
  #webSockets: WebSocketListener | undefined;
  #responder: Responder | undefined;
  #resets: Resets | undefined;
  #own: TransportParameters | undefined;
  /** Most packets are for the session of the packet before. */
  #latest: UdpackSession | undefined;

  constructor(options: ListenOptions<C>) {
    super();
    this.#options = options;
    this.#settings = { mtu: options.mtu, rate: options.rate, keepAliveAlways: false };
  }

  /** The engine of its UDP socket. */
  get engine(): PacketEngine {
    if (this.#engine === undefined) throw new Error("Cannot use the server: it is not open");
    return this.#engine;
  }

  get address(): Remote {
    return this.engine.local;
  }

  /** What was done with initiations. */
  get handshakes(): Readonly<ResponderCounts> | undefined {
    return this.#responder?.counts;
  }

  /** Sessions that live. */
  get sessions(): readonly UdpackSession[] {
    return [...this.#sessions.values()].filter(({ endedBy }) => endedBy === undefined);
  }

  /** Opens the sockets; see `listen`. */
  async open(): Promise<void> {
    const { secretKey, streams } = this.#options;
    const engine = await this.#openSockets(this.#options.port === 0 ? FREE_PORT_TRIES : 1);
    this.#engine = engine;
    const primitives = choosePrimitives();
    const own = keyPairOf(primitives, secretKey);
    const parameters = ownParameters({ streams, receiveBufferBytes: engine.receiveBufferBytes });
    const resets = new Resets(own.secret);
    this.#own = parameters;
    this.#resets = resets;
    this.#responder = new Responder({
      primitives,
      own,
      parameters,
      random: randomBytes,
      resets,
      knows: (key, source) => this.#options.allowed(key) !== undefined || this.#isStranger(key, source),
      hasRoom: () => this.#clients.live < UDPACK_ENDPOINT_LIMITS.SESSIONS_MAX,
    });
  }

  #isStranger(key: Uint8Array, { address, port }: Remote): false {
    this.emit("stranger", key, { address, port });
    return false;
  }

  /** UDP and, beside it, TCP, of whose ports fewer are free; one that is may be taken for UDP. */
  async #openSockets(tries: number): Promise<PacketEngine> {
    const { address, offload, port, webSocket } = this.#options;
    const open = engineOpener(offload);
    const listener = this.#carrierListener;
    if (!webSocket) return open({ address, port, listener });
    const used = () => new Set(this.sessions.map(({ engine }) => engine));
    const webSockets = await listenWebSocket({ address, port, listener, used });
    try {
      const engine = await open({ address, port: webSockets.port, listener });
      this.#webSockets = webSockets;
      return engine;
    } catch (error) {
      await webSockets.close();
      if (tries > 1) return this.#openSockets(tries - 1);
      throw error;
    }
  }

  /** Ends all sessions with a word to their clients, and the sockets. */
  async close(code: CloseCode = "going_away"): Promise<void> {
    this.#isClosed = true;
    for (const session of [...this.#sessions.values()]) session.finish(code);
    this.scheduler.close();
    this.#engine?.close();
    await this.#webSockets?.close();
  }

  unanswered(): void {
    // A server waits: its client knows the way, or comes back.
  }

  ended(session: UdpackSession): void {
    this.#clients.ended(session);
  }

  forgotten(session: UdpackSession): void {
    this.#clients.forgotten(session);
    const key = connectionKey(session.established.ownId);
    if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    if (this.#latest === session) this.#latest = undefined;
  }

  #received(data: Buffer, remote: Remote, engine: PacketEngine): void {
    // WebSockets take a moment to close.
    if (this.#isClosed) return;
    const now = this.scheduler.now();
    const view = this.#view;
    let at = 0;
    while (readPacket(data, at, view) && this.#take(view, remote, engine, now)) at = view.end;
    const id = this.#latest?.established.ownId;
    if (at < data.length && id) salvage(data, at, id, view, () => this.#take(view, remote, engine, now));
  }

  /** False: the packet was of no use. */
  #take(view: PacketView, remote: Remote, engine: PacketEngine, now: number): boolean {
    if (view.kind === PACKET_KINDS.data) return this.#data(view, remote, engine, now);
    return view.kind === PACKET_KINDS.initiation && this.#initiation(view, remote, engine, now);
  }

  *#sessionsOn(engine: PacketEngine): Generator<UdpackSession> {
    for (const session of this.#sessions.values()) if (session.engine === engine) yield session;
  }

  #data(view: PacketView, remote: Remote, engine: PacketEngine, now: number): boolean {
    const latest = this.#latest;
    const session =
      latest !== undefined && isSameId(latest.established.ownId, view.datagram, view.idAt)
        ? latest
        : this.#find(view);
    if (session === undefined) return this.#unknown(view, remote, engine, now);
    this.#latest = session;
    // An id belongs to its carrier: who moves to another begins a new session.
    return session.engine === engine && session.receive(view, remote, now);
  }

  #find(view: PacketView): UdpackSession | undefined {
    const session = this.#sessions.get(connectionKey(view.datagram, view.idAt));
    return session && isSameId(session.established.ownId, view.datagram, view.idAt) ? session : undefined;
  }

  /** The first packet of a session that the handshake prepared, or of one that is long gone. */
  #unknown(view: PacketView, remote: Remote, engine: PacketEngine, now: number): boolean {
    const pending = this.#responder?.pending(view, now);
    if (pending === undefined) {
      const answer = this.#resets?.answer(view, now);
      if (answer) send(engine, answer, remote);
      return false;
    }
    const origin = this.#origins.get(pending);
    // Who asked over one carrier and speaks over another has proven no address there.
    if (origin?.engine !== engine) return false;
    const length = pending.keys.openPacket(view, this.scratch, now);
    if (length < 0) return false;
    this.#responder?.confirm(pending);
    const client = this.#options.allowed(pending.peerStatic);
    const key = connectionKey(pending.ownId);
    const isFull = this.#clients.live >= UDPACK_ENDPOINT_LIMITS.SESSIONS_MAX;
    if (client === undefined || isFull || this.#sessions.has(key)) {
      pending.keys.destroy();
      return false;
    }
    // The response was read at the address that the initiation came from: another one has to be proven as any new one.
    const session = this.#begin(pending, origin, now);
    this.#sessions.set(key, session);
    this.#latest = session;
    this.emit("session", session, client);
    session.take(view, length, remote, now);
    return true;
  }

  #begin(established: EstablishedKeys, { engine, remote }: Origin, now: number): UdpackSession {
    const own = this.#own;
    if (own === undefined) throw new Error("Cannot begin a session: the server is not open");
    const session = new UdpackSession(established, engine, this, (listener) =>
      makeMachines({
        role: "server",
        established,
        own,
        engine,
        remote,
        settings: this.#settings,
        now,
        listener,
      }),
    );
    this.#clients.add(session);
    return session;
  }

  #initiation(view: PacketView, remote: Remote, engine: PacketEngine, now: number): boolean {
    const answer = this.#responder?.receive(view.bytes(), remote, now);
    if (answer?.session) this.#origins.set(answer.session, { engine, remote });
    if (answer) send(engine, answer.answer, remote);
    return answer !== undefined;
  }
}

function send(engine: PacketEngine, packet: Uint8Array, remote: Remote): void {
  engine.batch().set(packet);
  engine.send(packet.length, packet.length, remote);
}
