// A packet engine over one node:dgram socket. How a batch of equal datagrams goes out is the subclass's: one system
// call each (portable.ts) or one for all (offload.ts).

import type { Socket } from "node:dgram";
import { UDPACK_ENGINE_LIMITS } from "../../../shared/limits.ts";
import { grantedBuffers, localOf } from "./dgram-socket.ts";
import { type EngineListener, newEngineCounters, type PacketEngine, type Remote } from "./engine.ts";

export abstract class DgramEngine implements PacketEngine {
  abstract readonly kind: PacketEngine["kind"];
  abstract readonly forbidsFragments: boolean;
  readonly reliable = false;
  readonly local: Remote;
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  readonly counters = newEngineCounters();
  protected readonly socket: Socket;
  protected closed = false;
  #batch = Buffer.allocUnsafeSlow(UDPACK_ENGINE_LIMITS.BATCH_BYTES);
  /** Views of the batch buffer by slot, for datagrams of `#slotBytes` each: made once, not per datagram. */
  #slots: Buffer[] = [];
  #slotBytes = 0;
  #backlog = 0;
  readonly #listener: EngineListener;
  readonly #sent = (error: Error | null) => {
    if (error) this.refused(error as NodeJS.ErrnoException);
    if (this.#backlog > 0 && this.backlogBytes() === 0) this.#listener.drained(this);
  };

  constructor(socket: Socket, listener: EngineListener) {
    this.socket = socket;
    this.#listener = listener;
    this.local = localOf(socket);
    const granted = grantedBuffers(socket);
    this.receiveBufferBytes = granted.receive;
    this.sendBufferBytes = granted.send;
    socket.on("message", (data, remote) => {
      this.counters.receiveCalls += 1;
      listener.received(data, remote, this);
    });
    // Failed reads (ENOMEM; on Windows an ICMP error as ECONNRESET) say nothing about the socket: it goes on reading.
    socket.on("error", () => {
      this.counters.receiveErrors += 1;
    });
  }

  batch(): Buffer {
    return this.#batch;
  }

  send(length: number, segment: number, remote: Remote): void {
    if (this.closed || length <= 0) return;
    const count = Math.ceil(length / segment);
    if (this.backlogBytes() > UDPACK_ENGINE_LIMITS.BACKLOG_BYTES_MAX) {
      this.counters.dropped += count;
      return;
    }
    this.counters.sentDatagrams += count;
    try {
      this.sendBatch(length, segment, remote);
    } catch (error) {
      this.refused(error as NodeJS.ErrnoException);
    }
    this.#backlog = this.socket.getSendQueueSize();
    if (this.#backlog > 0) this.#giveAway();
  }

  backlogBytes(): number {
    if (this.#backlog > 0 && !this.closed) this.#backlog = this.socket.getSendQueueSize();
    return this.#backlog;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.removeAllListeners("message");
    this.socket.close();
  }

  protected abstract sendBatch(length: number, segment: number, remote: Remote): void;

  /** What the system said about a batch; the datagrams are lost, as on the path. */
  protected refused(_error: NodeJS.ErrnoException): void {
    this.counters.sendErrors += 1;
  }

  /** One datagram: a part of the batch buffer. `last` asks for the system's answer, which costs a tick: once per batch. */
  protected sendPart(part: Buffer, remote: Remote, last: boolean): void {
    this.counters.sendCalls += 1;
    if (last) this.socket.send(part, remote.port, remote.address, this.#sent);
    else this.socket.send(part, remote.port, remote.address);
  }

  protected slot(index: number, bytes: number): Buffer {
    if (bytes !== this.#slotBytes) {
      this.#slots = [];
      this.#slotBytes = bytes;
    }
    let slot = this.#slots[index];
    if (slot === undefined) {
      slot = this.#batch.subarray(index * bytes, (index + 1) * bytes);
      this.#slots[index] = slot;
    }
    return slot;
  }

  /** The system reads the buffer later: it must not be written again, least of all with what is not sealed yet. */
  #giveAway(): void {
    this.#batch = Buffer.allocUnsafeSlow(UDPACK_ENGINE_LIMITS.BATCH_BYTES);
    this.#slots = [];
  }
}
