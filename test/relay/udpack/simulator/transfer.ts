// A bulk transfer over one simulated session: the client writes a known pattern into its streams for as long as asked, the
// server compares every byte. A pattern instead of a hash shows a wrong byte at once, and costs less.

import type { TransportParameters } from "../../../../relay/udpack/crypto/params.ts";
import type { SessionListener } from "../../../../relay/udpack/session/session.ts";
import type { Agenda } from "./agenda.ts";
import { Host } from "./host.ts";
import type { Link } from "./link.ts";
import { Random } from "./random.ts";

const PATTERN_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Streams begin at different places of the pattern. */
const STREAM_STEP = 7_919;
/** Twice, so that a chunk from anywhere is one view. */
const pattern = (() => {
  const bytes = Buffer.alloc(2 * PATTERN_BYTES);
  bytes.set(new Random(1).bytes(PATTERN_BYTES));
  bytes.copy(bytes, PATTERN_BYTES, 0, PATTERN_BYTES);
  return bytes;
})();

export const PARAMETERS: TransportParameters = {
  maxDatagram: 1_200,
  maxData: 64 * 65_536,
  maxStreamData: 65_536,
  maxStreams: 64,
  idleTimeoutMs: 60_000,
  receiveBuffer: 4 * 1024 * 1024,
  ackDelayMs: 1,
};

export interface TransferOptions {
  readonly agenda: Agenda;
  readonly random: Random;
  readonly streams: number;
  /** Bytes of each stream; infinite: until `stop`. */
  readonly bytesPerStream?: number;
  readonly rate?: number;
  readonly clientAddress: number;
  readonly serverAddress: number;
}

export class Transfer {
  readonly client: Host;
  readonly server: Host;
  /** Bytes that the server has read. */
  received = 0;
  /** Streams that have ended and were whole. */
  finished = 0;
  /** What went wrong. */
  readonly faults: string[] = [];
  readonly #streams: number;
  #limit: number;
  readonly #written = new Map<number, number>();
  readonly #read = new Map<number, number>();
  readonly #totals = new Map<number, number>();

  constructor(options: TransferOptions) {
    const { agenda, random, streams, rate, clientAddress, serverAddress } = options;
    this.#streams = streams;
    this.#limit = options.bytesPerStream ?? Number.POSITIVE_INFINITY;
    const common = { own: PARAMETERS, peer: PARAMETERS, keepAliveMs: 15_000, ...(rate && { rate }) };
    this.client = new Host({
      agenda,
      random,
      session: { role: "client", ...common },
      listener: this.#listener({ streamWritable: (id) => this.#write(id) }),
      address: clientAddress,
      peerAddress: serverAddress,
    });
    this.server = new Host({
      agenda,
      random,
      session: { role: "server", ...common },
      listener: this.#listener({
        streamOpened: (id) => this.server.session.end(id),
        streamReadable: (id) => this.#readAll(id),
      }),
      address: serverAddress,
      peerAddress: clientAddress,
    });
  }

  connect(up: Link, down: Link): void {
    this.client.connect(up);
    this.server.connect(down);
  }

  start(): void {
    for (let i = 0; i < this.#streams; i++) {
      const id = this.client.session.openStream();
      if (id === undefined) this.faults.push("no stream");
      else this.#write(id);
    }
    this.client.run();
  }

  /** Ends all streams with what was written so far. */
  stop(): void {
    this.#limit = 0;
    for (const id of this.#written.keys()) this.#write(id);
    this.client.run();
  }

  get isDone(): boolean {
    return this.finished === this.#streams || this.faults.length > 0;
  }

  #write(id: number): void {
    const { session } = this.client;
    for (;;) {
      const at = this.#written.get(id) ?? 0;
      const left = this.#limit - at;
      if (left <= 0) {
        if (!this.#totals.has(id)) {
          this.#totals.set(id, at);
          session.end(id);
        }
        return;
      }
      const from = (at + id * STREAM_STEP) % PATTERN_BYTES;
      const chunk = pattern.subarray(from, from + Math.min(CHUNK_BYTES, left));
      const taken = session.write(id, chunk);
      this.#written.set(id, at + taken);
      if (taken < chunk.length) return;
    }
  }

  #readAll(id: number): void {
    for (;;) {
      const bytes = this.server.session.read(id);
      if (bytes === undefined) return;
      const at = this.#read.get(id) ?? 0;
      if (bytes === null) {
        if (at === this.#totals.get(id)) this.finished++;
        else this.faults.push(`stream ${id} ended at ${at} instead of ${this.#totals.get(id)}`);
        return;
      }
      const from = (at + id * STREAM_STEP) % PATTERN_BYTES;
      if (pattern.compare(bytes, 0, bytes.length, from, from + bytes.length) !== 0)
        this.faults.push(`stream ${id} is wrong at ${at}`);
      this.#read.set(id, at + bytes.length);
      this.received += bytes.length;
    }
  }

  #listener(handlers: Partial<SessionListener>): SessionListener {
    return {
      streamOpened() {},
      streamReadable() {},
      streamWritable() {},
      streamReset: (id, code) => this.faults.push(`stream ${id} was reset: ${code}`),
      streamStopped: (id, code) => this.faults.push(`stream ${id} was stopped: ${code}`),
      streamFinished() {},
      streamsAvailable() {},
      datagram() {},
      closed: (code) => this.faults.push(`closed: ${code}`),
      ...handlers,
    };
  }
}
