// A UDP path in user space: delay, loss, a bottleneck with a queue, reordering and duplication, and what networks do to
// people: a NAT that forgets (rebind) and a firewall (block). Each client address gets an own socket towards the server, as
// behind a NAT. Deterministic up to the times of packets: what is lost is decided by a seed.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";

export interface LinkOptions {
  /** Where the server listens, on 127.0.0.1. */
  readonly targetPort: number;
  /** Where clients are to send to; by default any free port. @throws if it is taken */
  readonly port?: number;
  /** One way, milliseconds. */
  readonly delayMs?: number;
  /** Part of the packets that are lost, each way. */
  readonly loss?: number;
  /** Bottleneck, bytes per second, each way; without it there is none. */
  readonly rate?: number;
  /** What waits before the bottleneck, bytes; more is lost. */
  readonly queueBytes?: number;
  /** Part of the packets that come later than others, and by how much. */
  readonly reorder?: { readonly part: number; readonly byMs: number };
  readonly duplicate?: number;
  readonly seed?: number;
}

interface InFlight {
  readonly data: Buffer;
  readonly dueAt: number;
  readonly deliver: (data: Buffer) => void;
}

/** One direction: what is under way, in order of its time except for what is reordered. */
class Direction {
  readonly #options: LinkOptions;
  readonly #random: () => number;
  #queue: InFlight[] = [];
  #head = 0;
  #late: InFlight[] = [];
  /** When the bottleneck has sent everything before. */
  #freeAt = 0;
  lost = 0;
  carried = 0;

  constructor(options: LinkOptions, seed: number) {
    this.#options = options;
    this.#random = mulberry32(seed);
  }

  enter(data: Buffer, now: number, deliver: (data: Buffer) => void): void {
    const { loss = 0, duplicate = 0 } = this.#options;
    if (loss > 0 && this.#random() < loss) {
      this.lost += 1;
      return;
    }
    this.#enqueue(data, now, deliver);
    if (duplicate > 0 && this.#random() < duplicate) this.#enqueue(data, now, deliver);
  }

  #enqueue(data: Buffer, now: number, deliver: (data: Buffer) => void): void {
    const { delayMs = 0, rate, queueBytes = 1_000_000, reorder } = this.#options;
    let leavesAt = now;
    if (rate !== undefined) {
      const waitMs = Math.max(0, this.#freeAt - now);
      if ((waitMs * rate) / 1_000 > queueBytes) {
        this.lost += 1;
        return;
      }
      this.#freeAt = now + waitMs + (data.length * 1_000) / rate;
      leavesAt = this.#freeAt;
    }
    this.carried += 1;
    const isLate = reorder !== undefined && this.#random() < reorder.part;
    const dueAt = leavesAt + delayMs + (isLate ? reorder.byMs : 0);
    (isLate ? this.#late : this.#queue).push({ data, dueAt, deliver });
  }

  /** Delivers what is due. */
  run(now: number): void {
    for (let next = this.#queue[this.#head]; next && next.dueAt <= now; next = this.#queue[this.#head]) {
      this.#head += 1;
      next.deliver(next.data);
    }
    if (this.#head > 4_096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#late.length === 0) return;
    for (const late of this.#late) if (late.dueAt <= now) late.deliver(late.data);
    this.#late = this.#late.filter(({ dueAt }) => dueAt > now);
  }

  get isEmpty(): boolean {
    return this.#head >= this.#queue.length && this.#late.length === 0;
  }
}

/** Random numbers from 0 to 1, the same ones for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function bound(port = 0): Promise<Socket> {
  const literal = (
    host: string,
    _options: unknown,
    done: (error: null, ip: string, family: number) => void,
  ) => done(null, host, 4);
  const socket = createSocket({ type: "udp4", lookup: literal });
  // Listened for before: without a name to look up, binding is done at once.
  const listening = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  await listening;
  socket.on("error", () => {});
  socket.setRecvBufferSize(4 * 1024 * 1024);
  socket.setSendBufferSize(4 * 1024 * 1024);
  return socket;
}

export class LossyLink {
  /** Where clients send to. */
  readonly port: number;
  readonly #front: Socket;
  readonly #up: Direction;
  readonly #down: Direction;
  #targetPort: number;
  /** By client port: the socket that the server sees. */
  #backs = new Map<number, Promise<Socket>>();
  readonly #opened: Socket[] = [];
  readonly #forgotten = new Set<Socket>();
  readonly #blockedPorts = new Set<number>();
  #blocked = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #tap: ((data: Buffer, up: boolean) => void) | undefined;

  constructor(front: Socket, options: LinkOptions) {
    const seed = options.seed ?? 1;
    this.#front = front;
    this.port = front.address().port;
    this.#targetPort = options.targetPort;
    this.#up = new Direction(options, seed);
    this.#down = new Direction(options, seed + 1);
    front.on("message", (data, { port }) => this.#fromClient(data, port));
  }

  static async open(options: LinkOptions): Promise<LossyLink> {
    return new LossyLink(await bound(options.port), options);
  }

  /** Packets lost and carried, both ways together. */
  get counts(): { lost: number; carried: number } {
    return {
      lost: this.#up.lost + this.#down.lost,
      carried: this.#up.carried + this.#down.carried,
    };
  }

  /** Nothing passes any more, or everything again. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
  }

  /** Nothing passes for the clients of now; who comes from another socket gets through. */
  blockPresentClients(): void {
    for (const port of this.#backs.keys()) this.#blockedPorts.add(port);
    for (const socket of this.#opened) this.#forgotten.add(socket);
  }

  /** The server moved to another port. */
  retarget(port: number): void {
    this.#targetPort = port;
  }

  /** The NAT forgets: the server sees each client at a new port, and what it sends to the old ones is lost. */
  rebind(): void {
    for (const socket of this.#opened) this.#forgotten.add(socket);
    this.#backs = new Map();
  }

  /** Shows every datagram that enters, also those that do not get through. */
  watch(tap: (data: Buffer, up: boolean) => void): void {
    this.#tap = tap;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#front.close();
    for (const socket of this.#opened) socket.close();
  }

  async #fromClient(data: Buffer, clientPort: number): Promise<void> {
    this.#tap?.(data, true);
    if (this.#blocked || this.#closed || this.#blockedPorts.has(clientPort)) return;
    let back = this.#backs.get(clientPort);
    if (back === undefined) {
      back = this.#openBack(clientPort);
      this.#backs.set(clientPort, back);
    }
    const socket = await back;
    if (this.#closed) return;
    this.#up.enter(data, performance.now(), (due) => {
      if (!this.#closed && !this.#blocked) socket.send(due, this.#targetPort, "127.0.0.1");
    });
    this.#arm();
  }

  async #openBack(clientPort: number): Promise<Socket> {
    const socket = await bound();
    this.#opened.push(socket);
    if (this.#closed) socket.close();
    else {
      socket.on("message", (data) => {
        if (this.#blocked || this.#closed) return;
        this.#tap?.(data, false);
        this.#down.enter(data, performance.now(), (due) => {
          const isOpen = !this.#closed && !this.#blocked && !this.#forgotten.has(socket);
          if (isOpen) this.#front.send(due, clientPort, "127.0.0.1");
        });
        this.#arm();
      });
    }
    return socket;
  }

  /** A timer of 1 ms while packets are under way: that is as exact as Node's are. */
  #arm(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      this.#up.run(now);
      this.#down.run(now);
      if (!this.#up.isEmpty || !this.#down.isEmpty) this.#arm();
    }, 1);
  }
}

/** A port where TCP reaches the server and UDP enters a link; what is free for the one may be taken for the other. */
export async function openFirewalled(
  targetPort: number,
  onClose: (close: () => void) => void,
  tries = 8,
): Promise<LossyLink> {
  const forward = createServer((socket) => {
    const onward = connectTcp(targetPort, "127.0.0.1");
    socket.on("error", () => onward.destroy()).pipe(onward);
    onward.on("error", () => socket.destroy()).pipe(socket);
  });
  const listening = once(forward, "listening");
  forward.listen(0, "127.0.0.1");
  await listening;
  try {
    const link = await LossyLink.open({ targetPort, port: (forward.address() as AddressInfo).port });
    onClose(() => {
      link.close();
      forward.close();
    });
    return link;
  } catch (error) {
    forward.close();
    if (tries === 0) throw error;
    return openFirewalled(targetPort, onClose, tries - 1);
  }
}
