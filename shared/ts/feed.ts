// Turns what an origin sends into a stream that viewers can enter: whole packets of 188 bytes in a window, with the place of
// the last keyframe. A new connection to the origin is joined on where it can be decoded, and marked as a discontinuity.
// Pure: time comes in; never throws.

import { TS_LIMITS } from "../limits.ts";
import { discontinuityBefore, isNull, nullPacket, PACKET_BYTES, pidOf, startsUnit } from "./packet.ts";
import { RandomAccessFinder } from "./random-access.ts";
import { PacketReader } from "./sync.ts";
import { type Lead, Tables } from "./tables.ts";
import { StreamWindow } from "./window.ts";

/** Where a viewer begins. */
export interface Entry {
  /** In the window. */
  readonly place: number;
  /** PAT and PMT, which come before. */
  readonly tables: Uint8Array;
}

export class Feed {
  readonly window = new StreamWindow();
  #reader = new PacketReader();
  #tables = new Tables();
  #lead: Lead | undefined;
  #finder: RandomAccessFinder | undefined;
  /** Begun connections so far; the first one continues nothing. */
  #connections = 0;
  #connectedAt = 0;
  #isLive = false;
  /** PIDs whose first packet of this connection has passed; undefined: nobody saw an earlier connection. */
  #joined: Set<number> | undefined;
  /** While not live: what came since the last unit of the lead began. */
  #held: Uint8Array[] = [];
  /** PAT and PMT as of the beginning of the lead's last unit, and its place. */
  #unit: Entry | undefined;
  #entry: (Entry & { readonly at: number }) | undefined;
  #sawKeyframe = false;

  /** True while a connection's packets go into the window. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Bytes that were no packets since the last one that was. */
  get garbageBytes(): number {
    return this.#reader.garbageBytes;
  }

  /** A new connection to the origin begins; whatever was cut off in the middle of a packet is forgotten. */
  connect(now: number): void {
    this.#reader = new PacketReader();
    this.#tables = new Tables();
    this.#lead = undefined;
    this.#finder = undefined;
    this.#isLive = false;
    this.#held = [];
    this.#unit = undefined;
    this.#connectedAt = now;
    this.#sawKeyframe = false;
    this.#joined = this.#connections++ === 0 ? undefined : new Set();
  }

  /** The connection has ended: nobody is to begin with what it left behind. */
  disconnect(): void {
    this.#isLive = false;
    this.#held = [];
    this.#entry = undefined;
  }

  push(bytes: Uint8Array, now: number): void {
    this.#reader.push(bytes, (packet) => this.#take(packet, now));
  }

  /** Packets of nothing, while nothing else comes. */
  fill(now: number): void {
    this.window.append(nullPacket(), now);
  }

  /** Where a viewer begins that has waited since then; undefined: not yet. */
  entry(since: number, now: number): Entry | undefined {
    const { end } = this.window;
    const entry = this.#entry;
    if (!this.#isLive) return undefined;
    const isNear = entry && end - entry.place <= TS_LIMITS.BURST_BYTES_MAX;
    if (isNear && now - entry.at <= TS_LIMITS.BURST_MS_MAX && entry.place >= this.window.start) return entry;
    // Where keyframes are seen the next one is worth waiting for.
    if (now - (this.#sawKeyframe ? since : this.#connectedAt) < TS_LIMITS.KEYFRAME_WAIT_MS) return undefined;
    return { place: end, tables: this.#tables.packets() };
  }

  /** The place from which on the window is needed for those who come. */
  get neededFrom(): number {
    return this.#entry?.place ?? this.window.end;
  }

  #take(packet: Uint8Array, now: number): void {
    this.#tables.push(packet);
    const { lead } = this.#tables;
    if (lead !== this.#lead) {
      this.#lead = lead;
      this.#finder = lead && new RandomAccessFinder(lead.codec);
    }
    const isLead = lead !== undefined && pidOf(packet) === lead.pid;
    if (isLead && startsUnit(packet)) {
      this.#held = [];
      this.#unit = { place: this.window.end, tables: this.#tables.packets() };
    }
    const isKey = isLead && this.#finder?.push(packet) === true;
    if (this.#isLive) this.#append(packet, now);
    else this.#hold(packet);
    if (isKey && this.#unit) this.#begin(this.#unit, now);
    else if (!this.#isLive) this.#beginAnywhere(now);
  }

  /** A packet that waits for its unit to turn out a keyframe. */
  #hold(packet: Uint8Array): void {
    if (!this.#unit || isNull(packet)) return;
    this.#held.push(packet.slice());
    if (this.#held.length * PACKET_BYTES <= TS_LIMITS.HELD_BYTES_MAX) return;
    this.#held = [];
    this.#unit = undefined;
  }

  /** A keyframe: viewers can begin with its unit. */
  #begin(unit: Entry, now: number): void {
    this.#sawKeyframe = true;
    if (this.#isLive) {
      this.#entry = { ...unit, at: now };
      return;
    }
    this.#goLive(unit.tables, now);
  }

  /** Begins without a keyframe once none was found for long: with a unit if there are any, else with any packet. */
  #beginAnywhere(now: number): void {
    const waitedMs = now - this.#connectedAt;
    if (waitedMs < TS_LIMITS.KEYFRAME_WAIT_MS || !this.#tables.known) return;
    if (this.#lead && this.#held.length === 0 && waitedMs < 2 * TS_LIMITS.KEYFRAME_WAIT_MS) return;
    this.#goLive(this.#tables.packets(), now);
    this.#entry = undefined;
  }

  #goLive(tables: Uint8Array, now: number): void {
    this.#isLive = true;
    for (let at = 0; at < tables.byteLength; at += PACKET_BYTES)
      this.#append(tables.subarray(at, at + PACKET_BYTES), now);
    this.#entry = { place: this.window.end, tables, at: now };
    for (const packet of this.#held) this.#append(packet, now);
    this.#held = [];
  }

  /** The first packet of each PID says that it does not continue the last one of the connection before. */
  #append(packet: Uint8Array, now: number): void {
    const joined = this.#joined;
    if (joined && !isNull(packet) && !joined.has(pidOf(packet))) {
      joined.add(pidOf(packet));
      this.window.append(discontinuityBefore(packet), now);
    }
    this.window.append(packet, now);
  }
}
