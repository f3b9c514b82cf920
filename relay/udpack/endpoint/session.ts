// One session at its socket: opens what arrives, hands it to the session machine, pulls packets from it and sends them in
// batches, and shows its streams as Duplexes. The protocol's rules are in the machines.

import { EventEmitter } from "node:events";
import type { PacketEngine, Remote } from "../engine/engine.ts";
import type { EstablishedKeys } from "../handshake/established.ts";
import type { SessionListener } from "../session/options.ts";
import type { Session } from "../session/session.ts";
import type { CloseCode } from "../wire/codes.ts";
import type { DatagramAddress } from "../wire/datagram-address.ts";
import type { PacketView } from "../wire/packet.ts";
import { UdpackError, type UdpackErrorCode, type UdpackStats } from "./api.ts";
import { PacketSender, type Sent } from "./packet-sender.ts";
import { type Scheduler, type Task, taskOf } from "./scheduler.ts";
import type { SessionPath } from "./session-path.ts";
import { statsOf } from "./session-stats.ts";
import { SessionStreams } from "./session-streams.ts";
import { type StreamPort, UdpackStream } from "./stream.ts";

/** What a session tells its owner. */
export interface SessionEvents {
  /** The peer opened a stream. Without a listener streams are refused. */
  stream: [stream: UdpackStream];
  /** A datagram came; `association` is the id of the stream that it belongs to. */
  datagram: [association: number, address: DatagramAddress | undefined, data: Buffer];
  /** It has ended for good; its streams have been told. */
  close: [code: CloseCode, reason: string, byPeer: boolean];
}

/** The machines of one session. */
export interface SessionParts {
  readonly machine: Session;
  readonly path: SessionPath;
}

/** What a session needs of its endpoint. */
export interface SessionHost {
  readonly scheduler: Scheduler;
  /** Where packets are opened into, as large as the largest; used within one call only. */
  readonly scratch: Uint8Array;
  /** The path gave no answer to so many probes. */
  unanswered(session: UdpackSession, probes: number): void;
  /** It has ended for its owner; its id may still have to be answered with CLOSE. */
  ended(session: UdpackSession): void;
  /** Its id means nothing any more. */
  forgotten(session: UdpackSession): void;
}

/** Code of RESET and STOP for streams that nobody here takes (docs/UDPACK.md section 11). */
const REFUSED = 1;
/** A full socket tells when it has room; should it not, it is asked again. */
const BLOCKED_MS = 5;

export class UdpackSession extends EventEmitter<SessionEvents> {
  readonly established: EstablishedKeys;
  readonly engine: PacketEngine;
  readonly #host: SessionHost;
  readonly #machine: Session;
  readonly #path: SessionPath;
  readonly #streams: SessionStreams;
  readonly #task: Task;
  readonly #sender: PacketSender;
  /** When a packet opened last. */
  heardAt: number;
  #hasReceived = false;
  #isTurning = false;
  #isBlocked = false;
  #isForgotten = false;
  #isReleased = false;
  #ended: CloseCode | undefined;
  /** What streams are told when the session ends. */
  #endCode: UdpackErrorCode = "session_closed";

  /** @param make makes the machines, given whom they tell */
  constructor(
    established: EstablishedKeys,
    engine: PacketEngine,
    host: SessionHost,
    make: (listener: SessionListener) => SessionParts,
  ) {
    super();
    this.established = established;
    this.engine = engine;
    this.#host = host;
    this.heardAt = host.scheduler.now();
    this.#task = taskOf((now) => this.#turn(now));
    const { machine, path } = make(this.#listener());
    this.#machine = machine;
    this.#path = path;
    this.#streams = new SessionStreams(machine, this.#port());
    this.#sender = new PacketSender({ established, engine, machine, path, now: () => host.scheduler.now() });
  }

  /** Where the peer is. */
  get remote(): Remote {
    return this.#path.remote;
  }

  /** Why it has ended; undefined while it lives. */
  get endedBy(): CloseCode | undefined {
    return this.#ended;
  }

  /** Streams that are open or wait to be. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Probes without an answer since the peer last acknowledged something. */
  get unanswered(): number {
    return this.#machine.timeouts;
  }

  /** Opens a stream; it fails with `streams_exhausted` where the peer allows none for five seconds. */
  openStream(stream = new UdpackStream()): UdpackStream {
    if (this.#ended === undefined) this.#streams.open(stream);
    else stream.destroy(this.#endError(this.#ended));
    return stream;
  }

  /** Sends a datagram of a stream; `data` must not change any more. False: it was dropped, or the stream is not open. */
  sendDatagram(association: number, address: DatagramAddress | undefined, data: Uint8Array): boolean {
    const taken = this.#machine.sendDatagram(association, address, data);
    this.#soon();
    return taken;
  }

  /** Ends it and all of its streams; the peer is told. */
  close(code: CloseCode = "none", reason = ""): void {
    this.#machine.close(code, reason);
    this.#soon();
  }

  /** Ends it without a word, because the peer does not know it any more or its carrier is gone. */
  abandon(code: CloseCode): void {
    const isOver = this.#ended !== undefined;
    this.#machine.abandon(code);
    // Nobody is there to be told of an end that was decided before.
    if (isOver) this.release();
    else this.#soon();
  }

  /** Ends it because another has taken its place; streams are told so. */
  giveWay(): void {
    this.close("replaced");
  }

  /** Ends it now: for an owner that is about to close the socket. */
  finish(code: CloseCode): void {
    this.#machine.close(code, "");
    // Whoever is told of something within a turn may call this: what the turn has begun to send goes first.
    if (!this.#isTurning) this.#turn(this.#host.scheduler.now());
    this.release();
  }

  /** Forgets it, now or with this turn: its peer is answered no more. */
  release(): void {
    this.#isReleased = true;
    if (!this.#isTurning && !this.#isForgotten) this.#forget();
  }

  /** PING, so that the peer learns that the keys work (docs/UDPACK.md section 3). */
  greet(): void {
    this.#path.greet();
    this.#soon();
  }

  /** A data packet with this session's id, not yet opened; false: it does not open. */
  receive(packet: PacketView, remote: Remote, now: number): boolean {
    const { keys } = this.established;
    const length = keys.openPacket(packet, this.#host.scratch, now);
    if (length >= 0) this.take(packet, length, remote, now);
    else if (keys.exhausted !== undefined) this.close(keys.exhausted);
    return length >= 0;
  }

  /** A packet that was opened into the scratch buffer. */
  take(packet: PacketView, length: number, remote: Remote, now: number): void {
    const bytes = packet.end - packet.start;
    this.#path.heard(remote, packet.number === this.established.keys.newest, bytes, now);
    this.#machine.receive(packet.number, this.#host.scratch.subarray(0, length), bytes, now);
    this.#hasReceived = true;
    this.heardAt = now;
    this.#soon();
  }

  /** The carrier takes more again. */
  drained(): void {
    if (this.#isBlocked) this.#soon();
  }

  stats(): UdpackStats {
    return statsOf(this.#machine.stats(), this.engine, this.#path);
  }

  #soon(): void {
    if (!this.#isTurning && !this.#isForgotten) this.#host.scheduler.soon(this.#task);
  }

  /** Everything that one turn of the event loop brought, and what follows from it. */
  #turn(start: number): void {
    if (this.#isForgotten) return;
    this.#isTurning = true;
    let sent: Sent = "all";
    try {
      this.#process(start);
      sent = this.#sender.run();
    } finally {
      // Listeners are called on the way, and what they throw is theirs.
      this.#isTurning = false;
      this.#isBlocked = sent === "blocked";
      this.#goOn(sent);
    }
  }

  #process(now: number): void {
    const machine = this.#machine;
    if (this.#hasReceived) {
      this.#hasReceived = false;
      machine.batchEnd(now);
    }
    if (machine.deadline(now) <= now) {
      machine.onTimeout(now);
      if (machine.timeouts > 0) this.#host.unanswered(this, machine.timeouts);
    }
    this.#path.run(now);
  }

  #goOn(sent: Sent): void {
    const { scheduler } = this.#host;
    const now = scheduler.now();
    if (this.#isReleased || this.#machine.isForgotten(now)) this.#forget();
    else if (sent === "more") this.#soon();
    else {
      const due = Math.min(this.#machine.deadline(now), this.#path.deadline());
      // What is due but cannot be sent waits for room, with a timer in reserve.
      scheduler.at(this.#task, sent === "blocked" ? Math.max(due, now + BLOCKED_MS) : due);
    }
  }

  #forget(): void {
    this.#isForgotten = true;
    this.#host.scheduler.at(this.#task, Number.POSITIVE_INFINITY);
    this.#host.forgotten(this);
    this.established.keys.destroy();
  }

  #endError(closeCode: CloseCode): UdpackError {
    return new UdpackError(this.#endCode, { closeCode });
  }

  #listener(): SessionListener {
    return {
      streamOpened: (id) => this.#opened(id),
      streamReadable: (id) => this.#streams.get(id)?.onReadable(),
      streamWritable: (id) => this.#streams.get(id)?.onWritable(),
      streamReset: (id, streamCode) =>
        this.#streams.get(id)?.destroy(new UdpackError("stream_reset", { streamCode })),
      streamStopped: (id, code) => this.#streams.get(id)?.onStopped(code),
      streamFinished() {},
      streamsAvailable: () => this.#streams.retry(),
      datagram: (association, address, data) =>
        this.emit("datagram", association, address, Buffer.from(data)),
      pathResponse: (data) => this.#path.answered(data, this.#host.scheduler.now()),
      closed: (code, reason, byPeer) => this.#closed(code, reason, byPeer),
    };
  }

  #opened(id: number): void {
    const stream = new UdpackStream();
    this.#streams.adopt(stream, id);
    if (!this.emit("stream", stream)) stream.abort(REFUSED);
  }

  #closed(code: CloseCode, reason: string, byPeer: boolean): void {
    this.#ended = code;
    if (code === "replaced") this.#endCode = "reconnected";
    this.#soon();
    this.#streams.destroy(this.#endError(code));
    this.#host.ended(this);
    this.emit("close", code, reason, byPeer);
  }

  /** What streams do to the session; whatever it is, something may have to be sent. */
  #port(): StreamPort {
    const machine = this.#machine;
    const then = <T>(result: T): T => {
      this.#soon();
      return result;
    };
    return {
      write: (id, data) => then(machine.write(id, data)),
      end: (id) => then(machine.end(id)),
      read: (id) => then(machine.read(id)),
      reset: (id, code) => then(machine.reset(id, code)),
      stop: (id, code) => then(machine.stop(id, code)),
      gone: (stream) => this.#streams.remove(stream),
    };
  }
}
