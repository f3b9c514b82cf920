// What the tunnel needs of the transport below it. Types only, and the codes that streams end with; relay/udpack is one such
// transport.

import type { Duplex } from "node:stream";
import type { ReadSession } from "./book.ts";

/** One stream of the transport: ordered bytes both ways with half-close. */
export interface CarrierStream extends Duplex {
  /** Known once it is open: the association of its datagrams. */
  readonly id: number | undefined;
  /** Aborts both directions with a code of docs/UDPACK.md section 11. */
  abort(code: number): void;
}

/** Where a datagram goes to or came from: an address or a name, and a port. */
export interface DatagramEnd {
  readonly host: string;
  readonly port: number;
}

/** Takes datagrams as they come; what is not of use is dropped. `data` is its own. */
export type OnDatagram = (association: number, address: DatagramEnd | undefined, data: Buffer) => void;

/** The client's end of the transport: it connects when it is first used, and again after an outage. */
export interface CarrierClient {
  /** A stream that is open, or will be; what keeps it from opening is its error. */
  openStream(): CarrierStream;
  /** The datagrams of a stream that is open, until it closes. */
  lane(stream: CarrierStream, onDatagram: (address: DatagramEnd, data: Buffer) => void): DatagramLane;
  close(): Promise<void>;
}

export interface DatagramLane {
  /** False when the datagram was dropped at once. `data` must not change any more. */
  send(address: DatagramEnd, data: Uint8Array): boolean;
}

/** One client's session at the server's end. */
export interface CarrierSession {
  /** Where its packets come from now. */
  readonly remote: DatagramEnd;
  readonly stats: ReadSession;
  sendDatagram(association: number, address: DatagramEnd | undefined, data: Uint8Array): boolean;
  on(event: "stream", listener: (stream: CarrierStream) => void): unknown;
  on(event: "datagram", listener: OnDatagram): unknown;
  on(event: "close", listener: () => void): unknown;
  /** Ends it and tells the client why: it may not connect, or there are too many. */
  end(why: "refused" | "limit"): void;
}

/** The server's end of the transport. */
export interface CarrierServer {
  readonly address: string;
  readonly port: number;
  /** No new sessions; those that are open go on. */
  stopAccepting(): void;
  /** Ends all sessions. */
  close(): Promise<void>;
}

/** Codes of RESET and STOP (docs/UDPACK.md section 11). */
export const STREAM_CODES = {
  none: 0,
  refused: 1,
  malformed: 2,
  aborted: 3,
  spool: 4,
  timeout: 5,
  reconnected: 6,
  limits: 7,
  unexpected_end: 8,
} as const;
