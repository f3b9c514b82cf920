// One connection on a stream of the tunnel: its first packet says what it is, then bytes travel as data packets (docs/UDPACK.md
// section 11). To whoever carries the connection it is a duplex of plain bytes; it knows neither targets nor sessions.

import { Duplex } from "node:stream";
import { CausewayError } from "../../shared/errors.ts";
import { DATA_BYTES_MAX, type PacketFields, type ReadPacket } from "../../shared/packet/codec.ts";
import { frameDataHead, framePacket, PacketReader } from "../../shared/packet/framing.ts";
import { type CarrierStream, STREAM_CODES } from "./carrier.ts";

type Done = (error?: Error | null) => void;

interface Waiting {
  resolve(packet: ReadPacket): void;
  reject(error: Error): void;
}

export class PacketStream extends Duplex {
  /** Where the far end dials from, once it has said so. */
  localAddress: string | undefined;
  localPort: number | undefined;
  /** What the peer is told when the stream breaks off. */
  abortCode: number = STREAM_CODES.aborted;
  readonly #carrier: CarrierStream;
  readonly #reader: PacketReader;
  #first: ReadPacket | undefined;
  #waiting: Waiting | undefined;

  /** The carrier belongs to the packet stream from here on. */
  constructor(carrier: CarrierStream) {
    super({ allowHalfOpen: true });
    this.#carrier = carrier;
    this.#reader = new PacketReader({
      data: (bytes) => this.#onContent(bytes),
      packet: (packet) => this.#onPacket(packet),
    });
    carrier.on("data", (chunk: Buffer) => {
      if (!this.#reader.feed(chunk)) this.#break(STREAM_CODES.malformed);
    });
    carrier.on("end", () => this.#onEnd());
    carrier.on("error", (error) => this.destroy(error));
    carrier.on("close", () => {
      if (!carrier.readableEnded || !carrier.writableFinished)
        this.destroy(new Error("The stream has closed"));
    });
  }

  /** The transport's id of the stream, which its datagrams carry. */
  get id(): number | undefined {
    return this.#carrier.id;
  }

  /** The peer's first packet. @throws what ends the stream before */
  first(): Promise<ReadPacket> {
    if (this.#first !== undefined) return Promise.resolve(this.#first);
    if (this.destroyed) return Promise.reject(this.errored ?? new Error("The stream has closed"));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Sends a packet that is no data, before any. */
  send(packet: PacketFields): void {
    this.#carrier.write(framePacket(packet));
  }

  override _read(): void {
    this.#carrier.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    let at = 0;
    while (chunk.length - at > DATA_BYTES_MAX) {
      this.#writeData(chunk.subarray(at, at + DATA_BYTES_MAX));
      at += DATA_BYTES_MAX;
    }
    if (chunk.length === 0) done();
    else this.#writeData(at === 0 ? chunk : chunk.subarray(at), done);
  }

  override _final(done: Done): void {
    this.#carrier.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting?.reject(error ?? new Error("The stream has closed"));
    this.#waiting = undefined;
    const carrier = this.#carrier;
    if (this.readableEnded && this.writableFinished) carrier.destroy();
    else if (!carrier.destroyed) carrier.abort(this.abortCode);
    done(error);
  }

  #writeData(bytes: Buffer, done?: Done): void {
    this.#carrier.write(frameDataHead(bytes.length));
    this.#carrier.write(bytes, done);
  }

  #onContent(bytes: Uint8Array): void {
    if (this.#first === undefined) this.#break(STREAM_CODES.malformed);
    else if (!this.push(bytes)) this.#carrier.pause();
  }

  #onPacket(packet: ReadPacket): void {
    if (this.#first !== undefined || this.destroyed) {
      this.#break(STREAM_CODES.malformed);
      return;
    }
    this.#first = packet;
    this.#waiting?.resolve(packet);
    this.#waiting = undefined;
  }

  #onEnd(): void {
    if (this.#first === undefined || !this.#reader.isBetween) this.#break(STREAM_CODES.unexpected_end);
    else this.push(null);
  }

  #break(code: number): void {
    if (this.destroyed) return;
    this.abortCode = code;
    this.destroy(new CausewayError("tunnel_failed", "The other end of the tunnel sent something malformed"));
  }
}
