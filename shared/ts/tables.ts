// The tables that say what a transport stream consists of (ISO/IEC 13818-1 section 2.4.4): PAT, which names the programs,
// and each program's PMT, which names its streams. Pure; never throws: what is malformed is passed over.

import { TS_LIMITS } from "../limits.ts";
import {
  byteAt,
  counterOf,
  PAT_PID,
  payloadOf,
  pidOf,
  sectionPackets,
  startsUnit,
  uint16At,
} from "./packet.ts";
import { type Codec, codecOf } from "./random-access.ts";
import { SectionReader } from "./section.ts";

const PAT_TABLE = 0;
const PMT_TABLE = 2;
const TABLE_HEAD_BYTES = 8;
const PMT_HEAD_BYTES = 12;
const CRC_BYTES = 4;

interface StreamEntry {
  readonly pid: number;
  readonly codec: Codec;
}

/** What is known of one table's PID. */
interface Table {
  readonly reader: SectionReader;
  section: Uint8Array | undefined;
  /** Of the last packet. */
  counter: number;
  streams: readonly StreamEntry[];
}

function newTable(): Table {
  return { reader: new SectionReader(), section: undefined, counter: 0, streams: [] };
}

/** The stream by which viewers can get in: the first video, else the first audio. */
export type Lead = StreamEntry;

export class Tables {
  readonly #pat = newTable();
  /** By PID. */
  #programs = new Map<number, Table>();
  #lead: Lead | undefined;
  /** What `packets` gave last; undefined since a table's packet came. */
  #made: Uint8Array | undefined;

  get lead(): Lead | undefined {
    return this.#lead;
  }

  /** True once there was a PAT. By its checksum it is certain then that this is a transport stream. */
  get known(): boolean {
    return this.#pat.section !== undefined;
  }

  /**
   * PAT and PMTs as packets, to be sent before what follows the last packet seen; empty while there is no PAT. Not to be
   * written to: each unit asks for them, and between two tables gets the same.
   */
  packets(): Uint8Array {
    this.#made ??= this.#make();
    return this.#made;
  }

  #make(): Uint8Array {
    const tables: [number, Table][] = [[PAT_PID, this.#pat], ...this.#programs];
    const parts = tables.flatMap(([pid, { section, counter }]) =>
      section ? [sectionPackets(pid, section, counter)] : [],
    );
    const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.byteLength;
    }
    return this.#pat.section ? all : new Uint8Array(0);
  }

  push(packet: Uint8Array): void {
    const pid = pidOf(packet);
    const table = pid === PAT_PID ? this.#pat : this.#programs.get(pid);
    if (!table) return;
    this.#made = undefined;
    table.counter = counterOf(packet);
    for (const section of table.reader.push(payloadOf(packet), startsUnit(packet))) {
      if (pid === PAT_PID) this.#readPat(section);
      else this.#readPmt(table, section);
    }
  }

  #readPat(section: Uint8Array): void {
    if (!isCurrent(section, PAT_TABLE)) return;
    const programs = new Map<number, Table>();
    for (let at = TABLE_HEAD_BYTES; at + 4 <= section.byteLength - CRC_BYTES; at += 4) {
      const pid = uint16At(section, at + 2) & 0x1fff;
      // Program 0 is the network's own table, and PID 0 this one.
      if (uint16At(section, at) === 0 || pid === PAT_PID) continue;
      if (programs.size < TS_LIMITS.PROGRAMS_MAX) programs.set(pid, this.#programs.get(pid) ?? newTable());
    }
    this.#programs = programs;
    this.#pat.section = section;
    this.#choose();
  }

  #readPmt(table: Table, section: Uint8Array): void {
    if (!isCurrent(section, PMT_TABLE) || section.byteLength < PMT_HEAD_BYTES + CRC_BYTES) return;
    const streams: StreamEntry[] = [];
    let at = PMT_HEAD_BYTES + (uint16At(section, 10) & 0x0fff);
    while (at + 5 <= section.byteLength - CRC_BYTES && streams.length < TS_LIMITS.STREAMS_MAX) {
      streams.push({ pid: uint16At(section, at + 1) & 0x1fff, codec: codecOf(byteAt(section, at)) });
      at += 5 + (uint16At(section, at + 3) & 0x0fff);
    }
    table.section = section;
    table.streams = streams;
    this.#choose();
  }

  #choose(): void {
    const streams = [...this.#programs.values()].flatMap((table) => table.streams);
    const lead =
      streams.find(({ codec }) => codec !== "audio" && codec !== "other") ??
      streams.find(({ codec }) => codec === "audio");
    // The same one stays the same object: whoever watches it compares.
    if (lead?.pid !== this.#lead?.pid || lead?.codec !== this.#lead?.codec) this.#lead = lead;
  }
}

/** The first section of the version that is in force. */
function isCurrent(section: Uint8Array, table: number): boolean {
  const first = byteAt(section, 6) === 0;
  return byteAt(section, 0) === table && first && (byteAt(section, 5) & 1) === 1;
}
