// What moves UDPack's datagrams: one interface for the UDP engines and the WebSocket carrier. Bytes and addresses only:
// nothing here knows packets, keys or sessions.

/** Where a datagram came from or goes to. `address` is an IP literal; for a WebSocket it only names the peer. */
export interface Remote {
  readonly address: string;
  readonly port: number;
}

/** What an engine tells its owner. */
export interface EngineListener {
  /**
   * One read: a datagram, or with a coalescing engine several of one sender behind each other, told apart only by the
   * packets' own lengths. The bytes are valid only during the call.
   */
  received(data: Buffer, remote: Remote, engine: PacketEngine): void;
  /** What had to wait was taken: there is room again. */
  drained(engine: PacketEngine): void;
  /** The carrier ended by itself, which UDP sockets never do. */
  ended(engine: PacketEngine): void;
}

/** How sending went since the engine was opened; counts, not bytes. */
export interface EngineCounters {
  /** Calls into the system, and the datagrams that they carried. */
  sendCalls: number;
  sentDatagrams: number;
  receiveCalls: number;
  /** Batches that the system refused (no route, no buffers, too large): lost packets to the protocol. */
  sendErrors: number;
  receiveErrors: number;
  /** Batches dropped here because the system had not taken earlier ones. */
  dropped: number;
}

/** A datagram socket, or something that behaves like one, that is already bound. */
export interface PacketEngine {
  readonly kind: "portable" | "offload" | "websocket";
  /** The address that it is bound to. */
  readonly local: Remote;
  /** Bytes that the system granted to its buffers, as the system counts them. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  /** Datagrams too large for the path are lost, never fragmented: path MTU probes mean something. */
  readonly forbidsFragments: boolean;
  /** True: the carrier is reliable and has its own congestion control. */
  readonly reliable: boolean;
  readonly counters: Readonly<EngineCounters>;
  /** The buffer that the next batch is written into; asked for anew after every `send`, since it may be another one. */
  batch(): Buffer;
  /**
   * Sends the first `length` bytes of `batch()` as datagrams of `segment` bytes each, the last maybe shorter. What the
   * system refuses is lost without a word, as on the path. Never throws.
   */
  send(length: number, segment: number, remote: Remote): void;
  /** Bytes that were given to `send` and not yet taken by the system. */
  backlogBytes(): number;
  /** Ends it for good; nothing is received afterwards. */
  close(): void;
}

export interface EngineOptions {
  /** IP literal to bind to; it decides the family. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly listener: EngineListener;
}

/** Opens and binds an engine. @throws what the system says about the address or the port */
export type OpenEngine = (options: EngineOptions) => Promise<PacketEngine>;

export function newEngineCounters(): EngineCounters {
  return { sendCalls: 0, sentDatagrams: 0, receiveCalls: 0, sendErrors: 0, receiveErrors: 0, dropped: 0 };
}
