// Two session machines joined by hand: tests decide which packet arrives, and when.

import type { TransportParameters } from "../../../../relay/udpack/crypto/params.ts";
import {
  Session,
  type SessionListener,
  type SessionOptions,
} from "../../../../relay/udpack/session/session.ts";
import { decodeFrames, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";

export const PARAMETERS: TransportParameters = {
  maxDatagram: 1_200,
  maxData: 1_000_000,
  maxStreamData: 65_536,
  maxStreams: 10,
  idleTimeoutMs: 60_000,
  receiveBuffer: 212_992,
  ackDelayMs: 1,
};

const PAYLOAD_BYTES = 1_165;
const OVERHEAD_BYTES = 35;

/** One packet under way. */
export interface Packet {
  readonly number: number;
  readonly payload: Uint8Array;
}

/** A session, what it told, and the packets that it sent. */
export class End {
  readonly session: Session;
  readonly told: string[] = [];
  readonly datagrams: string[] = [];
  number = 0;

  constructor(
    options: Partial<SessionOptions> & Pick<SessionOptions, "role">,
    hooks: Partial<SessionListener> = {},
  ) {
    const note = (name: string) => (id: number, code?: number) => {
      this.told.push(code === undefined ? `${name} ${id}` : `${name} ${id} ${code}`);
    };
    this.session = new Session(
      {
        own: PARAMETERS,
        peer: PARAMETERS,
        now: 0,
        random: (count) => new Uint8Array(count).fill(7),
        keepAliveMs: 15_000,
        ...options,
      },
      {
        streamOpened: note("opened"),
        streamReadable: note("readable"),
        streamWritable: note("writable"),
        streamReset: note("reset"),
        streamStopped: note("stopped"),
        streamFinished: note("finished"),
        streamsAvailable: () => this.told.push("available"),
        datagram: (association, address, data) =>
          this.datagrams.push(`${association} ${address?.host}:${address?.port} ${data.length}`),
        pathResponse: (data) => this.told.push(`response ${data.join("")}`),
        closed: (code, reason, byPeer) =>
          this.told.push(`closed ${code} ${reason}${byPeer ? " by peer" : ""}`),
        ...hooks,
      },
    );
  }

  /** Everything that it wants to send now. */
  pull(now: number): Packet[] {
    const packets: Packet[] = [];
    while (this.session.wantsToSend(now)) {
      const into = new Uint8Array(PAYLOAD_BYTES);
      const length = this.session.pull(this.number, into, now);
      if (length === 0) break;
      packets.push({ number: this.number++, payload: into.subarray(0, length) });
    }
    return packets;
  }

  /** Takes packets as one batch. Their memory is spoiled afterwards, as a socket's buffer is. */
  take(packets: readonly Packet[], now: number): void {
    for (const { number, payload } of packets) {
      this.session.receive(number, payload.slice(), payload.length + OVERHEAD_BYTES, now);
    }
    this.session.batchEnd(now);
  }

  /** What it told since the last call. */
  news(): string[] {
    return this.told.splice(0);
  }

  /** All that can be read of a stream, as text; a trailing "$" is its end. */
  read(id: number): string {
    let text = "";
    for (;;) {
      const bytes = this.session.read(id);
      if (bytes === undefined) return text;
      if (bytes === null) return `${text}$`;
      text += Buffer.from(bytes).toString("latin1");
    }
  }
}

/** A client and a server. */
export function pair(client: Partial<SessionOptions> = {}, server: Partial<SessionOptions> = {}) {
  return { client: new End({ role: "client", ...client }), server: new End({ role: "server", ...server }) };
}

/** Lets packets go back and forth, each batch taking `stepMs`, until both have nothing to say. The time then. */
export function settle({ client, server }: { client: End; server: End }, from: number, stepMs = 5): number {
  let now = from;
  for (let i = 0; i < 10_000; i++) {
    const [up, down] = [client.pull(now), server.pull(now)];
    if (up.length + down.length === 0) return now;
    now += stepMs;
    server.take(up, now);
    client.take(down, now);
    for (const { session } of [client, server]) if (session.deadline(now) <= now) session.onTimeout(now);
  }
  throw new Error("The sessions never fall silent");
}

/** The frames of a packet by name. */
export function framesOf({ payload }: Packet): string[] {
  const names: string[] = [];
  const visitor = new Proxy({} as FrameVisitor, {
    get: (_target, name) => () => names.push(String(name)),
  });
  if (!decodeFrames(payload, visitor)) names.push("malformed");
  return names;
}

/** An open stream of the client with `text` sent. */
export function withStream(text = "hello") {
  const ends = pair();
  const id = ends.client.session.openStream() ?? -1;
  ends.client.session.write(id, Buffer.from(text));
  return { ...ends, id };
}
