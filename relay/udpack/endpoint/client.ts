// A UDPack client: keeps a session to its server while one is wanted. Streams opened meanwhile wait for it; after an outage
// or a restart of the server a new session takes the place of the old.

import { randomInt } from "node:crypto";
import { lookup } from "node:dns/promises";
import { EventEmitter } from "node:events";
import { UDPACK_ENDPOINT_LIMITS, UDPACK_RECOVERY_LIMITS } from "../../../shared/limits.ts";
import { parseIp } from "../../../shared/net/address.ts";
import { choosePrimitives } from "../crypto/choose.ts";
import { keyPairOf } from "../crypto/keys.ts";
import { isResetOf } from "../crypto/reset.ts";
import type { EngineListener, PacketEngine, Remote } from "../engine/engine.ts";
import { engineOpener } from "../engine/open.ts";
import { Timestamps } from "../handshake/timestamps.ts";
import type { CloseCode } from "../wire/codes.ts";
import { isSameId, PACKET_KINDS, PacketView, readPacket } from "../wire/packet.ts";
import { salvage } from "../wire/salvage.ts";
import { UdpackError } from "./api.ts";
import type { Attempt, Reached } from "./attempt.ts";
import { Connector, type Silence } from "./connector.ts";
import { makeMachines, type TransportSettings } from "./machines.ts";
import { Scheduler, taskOf } from "./scheduler.ts";
import type { ServerAddress } from "./server-address.ts";
import { type SessionHost, UdpackSession } from "./session.ts";
import { UdpackStream } from "./stream.ts";
import { WaitingStreams } from "./waiting-streams.ts";

export interface ConnectOptions {
  readonly server: ServerAddress;
  /** The server's static public key, 32 bytes. */
  readonly serverKey: Uint8Array;
  /** The client's static secret key, 32 bytes. */
  readonly secretKey: Uint8Array;
  readonly offload: boolean;
  /** UDP payload bytes; 0: probed where possible, else 1,200. */
  readonly mtu: number;
  /** Bytes per second that the link has, where that is known. */
  readonly rate?: number | undefined;
  /** Falls back to a WebSocket where UDP is not answered. */
  readonly webSocket: boolean;
  /** Keeps a session at all times; otherwise only while there are streams, and until it has been idle for a minute. */
  readonly persistent: boolean;
  /** Streams that the server may have open; 0: it may open none. */
  readonly streams: number;
  /** IP literals of a host name; by default the system's resolver. @throws when there are none */
  resolve?(host: string): Promise<readonly string[]>;
}

export interface ClientEvents {
  /** A session is there; its streams and datagrams come by its own events. */
  session: [session: UdpackSession];
  /** The session that streams were opened on has ended. */
  down: [code: CloseCode];
  /** The server has not answered for so long that streams fail; told again now and then, until there is a session. */
  unanswered: [silence: Silence];
}

/** Starts a client; it connects when something needs it, or at once if it is `persistent`. */
export function connect(options: ConnectOptions): UdpackClient {
  const client = new UdpackClient(options);
  client.start();
  return client;
}

async function systemResolve(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

export class UdpackClient extends EventEmitter<ClientEvents> implements SessionHost {
  readonly scheduler = new Scheduler();
  readonly scratch = new Uint8Array(UDPACK_ENDPOINT_LIMITS.DATAGRAM_BYTES_MAX);
  readonly #options: ConnectOptions;
  readonly #settings: TransportSettings;
  readonly #connector: Connector;
  readonly #waiting = new WaitingStreams();
  readonly #view = new PacketView();
  readonly #chores = taskOf(() => this.#doChores());
  #session: UdpackSession | undefined;
  /** Sessions that take no new streams: their carrier was the worse one. */
  readonly #draining = new Set<UdpackSession>();
  #reachedAt = Number.NEGATIVE_INFINITY;
  #silenceToldAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ConnectOptions) {
    super();
    this.#options = options;
    const { mtu, offload, persistent, rate, secretKey, server, serverKey } = options;
    this.#settings = { mtu, rate, keepAliveAlways: persistent };
    const primitives = choosePrimitives();
    const resolve = options.resolve ?? systemResolve;
    this.#connector = new Connector({
      scheduler: this.scheduler,
      server,
      firstPort: randomInt(server.portLast - server.portFirst + 1),
      streams: options.streams,
      handshake: {
        primitives,
        own: keyPairOf(primitives, secretKey),
        serverPublic: serverKey,
        timestamps: new Timestamps(),
      },
      openUdp: engineOpener(offload),
      resolve: async (host) => (parseIp(host) ? [host] : resolve(host)),
      reached: (reached, attempt) => this.#reached(reached, attempt),
    });
  }

  /** The session that new streams are opened on, if there is one. */
  get session(): UdpackSession | undefined {
    return this.#session;
  }

  /** See `connect`. */
  start(): void {
    if (this.#options.persistent) this.#search();
  }

  /** Opens a stream, at once or when there is a session; it fails with `unreachable` after five seconds without. */
  openStream(): UdpackStream {
    const stream = new UdpackStream();
    const session = this.#session;
    if (this.#isClosed) stream.destroy(new UdpackError("session_closed", { closeCode: "none" }));
    else if (session && !isTroubled(session)) session.openStream(stream);
    else {
      this.#waiting.add(stream);
      this.#search();
    }
    return stream;
  }

  /** Ends everything, with a word to the server. */
  close(code: CloseCode = "none"): void {
    this.#isClosed = true;
    this.#connector.stop();
    this.#waiting.fail(new UdpackError("session_closed", { closeCode: code }));
    for (const session of [this.#session, ...this.#draining]) session?.finish(code);
    this.scheduler.close();
  }

  unanswered(session: UdpackSession): void {
    if (session === this.#session && isTroubled(session) && this.#isWanted) this.#search();
  }

  ended(session: UdpackSession): void {
    this.#draining.delete(session);
    if (session !== this.#session) return;
    this.#session = undefined;
    this.emit("down", session.endedBy ?? "none");
    if (this.#isWanted) this.#search();
  }

  forgotten(session: UdpackSession): void {
    session.engine.close();
  }

  get #isWanted(): boolean {
    if (this.#isClosed) return false;
    return this.#options.persistent || this.#waiting.size > 0 || (this.#session?.streams ?? 0) > 0;
  }

  #search(): void {
    // A server that takes sessions and ends them at once is not asked more often than one that is silent.
    const now = this.scheduler.now();
    const at = Math.max(now, this.#reachedAt + UDPACK_ENDPOINT_LIMITS.ATTEMPT_INTERVAL_MS);
    // Who asks for a search that is under way must not put off what comes of it.
    if (!this.#connector.isSearching)
      this.scheduler.at(this.#chores, at + UDPACK_ENDPOINT_LIMITS.STREAM_WAIT_MS);
    this.#connector.start(at, this.#options.webSocket, this.#session?.established.ownId);
  }

  #reached({ established, own, engine, remote }: Reached, attempt: Attempt): void {
    const old = this.#session;
    const session: UdpackSession = new UdpackSession(established, engine, this, (listener) =>
      makeMachines({
        role: "client",
        established,
        own,
        engine,
        remote,
        settings: this.#settings,
        now: this.scheduler.now(),
        listener,
      }),
    );
    attempt.handOver(this.#listenerOf(session));
    this.#connector.stop();
    this.#reachedAt = this.scheduler.now();
    this.#silenceToldAt = Number.NEGATIVE_INFINITY;
    this.#session = session;
    if (old && isTroubled(old)) old.giveWay();
    else if (old) this.#drain(old);
    this.emit("session", session);
    session.greet();
    for (const stream of this.#waiting.take()) session.openStream(stream);
    this.scheduler.at(this.#chores, this.#reachedAt + UDPACK_ENDPOINT_LIMITS.UDP_RETRY_MS);
  }

  /** Lets the streams of a session end in their own time. */
  #drain(session: UdpackSession): void {
    this.#draining.add(session);
    const [oldest] = this.#draining;
    if (this.#draining.size > UDPACK_ENDPOINT_LIMITS.DRAINING_MAX) oldest?.giveWay();
  }

  #listenerOf(session: UdpackSession): EngineListener {
    return {
      received: (data, remote) => this.#received(session, data, remote),
      drained: () => session.drained(),
      ended: (_engine: PacketEngine) => session.abandon("idle"),
    };
  }

  #received(session: UdpackSession, data: Buffer, remote: Remote): void {
    const now = this.scheduler.now();
    const { ownId } = session.established;
    const view = this.#view;
    let at = 0;
    while (readPacket(data, at, view) && take(session, view, remote, now)) at = view.end;
    if (at < data.length) salvage(data, at, ownId, view, () => take(session, view, remote, now));
    if (this.#connector.isSearching && session === this.#session && !isTroubled(session))
      this.#recovered(session);
  }

  /** The old session answered first. */
  #recovered(session: UdpackSession): void {
    // On a WebSocket the search may be one for UDP, which goes on.
    if (!session.engine.reliable) this.#connector.stop();
    for (const stream of this.#waiting.take()) session.openStream(stream);
  }

  /** What is looked after from time to time: a better carrier, and sessions that nobody uses any more. */
  #doChores(): void {
    for (const session of this.#draining) if (session.streams === 0) session.close();
    const session = this.#session;
    const now = this.scheduler.now();
    if (this.#connector.isSearching) {
      // A search that nobody waits for any more, or for a better carrier that is not to be had now.
      const isForCarrier = session !== undefined && !isTroubled(session);
      if (!isForCarrier) this.#tellSilence(now);
      if (isForCarrier || !this.#isWanted) this.#connector.stop();
    } else if (session?.engine.reliable) this.#connector.start(now, false);
    const isSearching = this.#connector.isSearching;
    if (!isSearching && session === undefined && this.#draining.size === 0) return;
    this.scheduler.at(
      this.#chores,
      now + (isSearching ? UDPACK_ENDPOINT_LIMITS.STREAM_WAIT_MS : UDPACK_ENDPOINT_LIMITS.UDP_RETRY_MS),
    );
  }

  #tellSilence(now: number): void {
    if (now - this.#silenceToldAt < UDPACK_ENDPOINT_LIMITS.SILENCE_REPORT_INTERVAL_MS) return;
    this.#silenceToldAt = now;
    this.emit("unanswered", this.#connector.silence);
  }
}

/** False: the packet was of no use. */
function take(session: UdpackSession, view: PacketView, remote: Remote, now: number): boolean {
  const { ownId, peerId, resetToken } = session.established;
  if (view.kind === PACKET_KINDS.data)
    return isSameId(ownId, view.datagram, view.idAt) && session.receive(view, remote, now);
  if (resetToken && isResetOf(view, peerId, resetToken)) session.abandon("reset");
  return false;
}

/** Three probes without an answer: the path counts as broken (docs/UDPACK.md section 9.3). */
function isTroubled(session: UdpackSession): boolean {
  return session.unanswered >= UDPACK_RECOVERY_LIMITS.OUTAGE_PROBES;
}
