// One direction of the link of `npm run bench:udpack`: loss by a seed, a bottleneck with a bounded queue, then a constant
// delay, so that packets leave in the order in which they came. Pure: times come in, as milliseconds.

import { mulberry32 } from "../support/lossy-link.ts";
import { PACKET_BYTES_MAX } from "./tun-calls.ts";

/** Packets under way: the queue and the delay together hold no more of the smallest acknowledgements at 25 MB/s. */
const PLACES = 16_384;

export interface LinkSettings {
  /** One way, milliseconds. */
  readonly delayMs: number;
  /** Bottleneck, bytes of IP packets per second, each way. */
  readonly rate: number;
  /** What waits before the bottleneck; more is lost. */
  readonly queueBytes: number;
}

/** Bytes that entered the link each way, lost ones and IP and UDP headers included, and packets lost and carried. */
export interface LinkCounts {
  readonly up: number;
  readonly down: number;
  readonly lost: number;
  readonly carried: number;
}

export class LinkDirection {
  /** Part of the packets that is lost. */
  loss = 0;
  /** Bytes of all packets that entered, lost ones included. */
  bytes = 0;
  carried = 0;
  /** Lost by chance. */
  lost = 0;
  /** Lost because the queue was full. */
  refused = 0;
  readonly #settings: LinkSettings;
  readonly #random: () => number;
  readonly #places: readonly Uint8Array[];
  readonly #lengths = new Uint16Array(PLACES);
  readonly #dueAt = new Float64Array(PLACES);
  #first = 0;
  #count = 0;
  /** When the bottleneck has sent everything before. */
  #freeAt = 0;

  constructor(settings: LinkSettings, seed: number) {
    this.#settings = settings;
    this.#random = mulberry32(seed);
    const memory = Buffer.allocUnsafeSlow(PLACES * PACKET_BYTES_MAX);
    this.#places = Array.from({ length: PLACES }, (_, place) =>
      memory.subarray(place * PACKET_BYTES_MAX, (place + 1) * PACKET_BYTES_MAX),
    );
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Where the next packet is to be read into; undefined: there is no room until something has left. */
  get room(): Uint8Array | undefined {
    return this.#count === PLACES ? undefined : this.#places[(this.#first + this.#count) % PLACES];
  }

  /**
   * A packet of `length` bytes is in `room`. It came between two looks: the bottleneck was at work meanwhile, but no packet
   * may take less than the delay.
   */
  enter(length: number, since: number, now: number): void {
    const { delayMs, queueBytes, rate } = this.#settings;
    this.bytes += length;
    if (this.#random() < this.loss) {
      this.lost += 1;
      return;
    }
    if (this.#freeAt - now > (queueBytes * 1_000) / rate) {
      this.refused += 1;
      return;
    }
    this.#freeAt = Math.max(this.#freeAt, since) + (length * 1_000) / rate;
    const place = (this.#first + this.#count) % PLACES;
    this.#lengths[place] = length;
    this.#dueAt[place] = Math.max(this.#freeAt, now) + delayMs;
    this.#count += 1;
    this.carried += 1;
  }

  /** Hands over what is due; each packet is only valid during the call. */
  leave(now: number, deliver: (packet: Uint8Array, length: number) => void): void {
    for (; this.#count > 0; this.#count -= 1) {
      const place = this.#first;
      const packet = this.#places[place];
      if (packet === undefined || (this.#dueAt[place] ?? 0) > now) return;
      deliver(packet, this.#lengths[place] ?? 0);
      this.#first = (place + 1) % PLACES;
    }
  }
}
