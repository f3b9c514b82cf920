import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sectionPackets } from "../../../shared/ts/packet.ts";
import { SectionReader } from "../../../shared/ts/section.ts";
import { Tables } from "../../../shared/ts/tables.ts";
import {
  AUDIO_PID,
  concat,
  PMT_PID,
  readPackets,
  StreamMaker,
  VIDEO_PID,
} from "../../support/transport-stream.ts";

function feed(tables: Tables, bytes: Uint8Array): Tables {
  for (let at = 0; at < bytes.byteLength; at += 188) tables.push(bytes.subarray(at, at + 188));
  return tables;
}

describe("Tables", () => {
  it("finds the video, or without one the sound", () => {
    expect(feed(new Tables(), new StreamMaker().tables()).lead).toEqual({ pid: VIDEO_PID, codec: "h264" });
    const radio = new StreamMaker([
      [5, 0x200],
      [0x0f, AUDIO_PID],
    ]);
    expect(feed(new Tables(), radio.tables()).lead).toEqual({ pid: AUDIO_PID, codec: "audio" });
    expect(feed(new Tables(), new StreamMaker([[5, 0x200]]).tables()).lead).toBeUndefined();
  });

  it("gives the tables back as packets that the stream's next ones continue", () => {
    const maker = new StreamMaker();
    const tables = feed(new Tables(), concat([maker.tables(), maker.tables(), maker.tables()]));
    const packets = readPackets(tables.packets());
    expect(packets.map(({ pid, counter, starts }) => [pid, counter, starts])).toEqual([
      [0, 2, true],
      [PMT_PID, 2, true],
    ]);
    expect(feed(new Tables(), tables.packets()).lead).toEqual({ pid: VIDEO_PID, codec: "h264" });
  });

  it("makes the packets once between two tables, however many units ask for them", () => {
    const maker = new StreamMaker();
    const tables = feed(new Tables(), maker.tables());
    const before = tables.packets();
    tables.push(Uint8Array.of(0x47, 0x40 | (VIDEO_PID >> 8), VIDEO_PID & 255, 0x10));
    expect(tables.packets()).toBe(before);
    feed(tables, maker.tables());
    expect(readPackets(tables.packets()).map(({ counter }) => counter)).toEqual([1, 1]);
  });

  it("follows a stream whose programme moves", () => {
    const maker = new StreamMaker([[0x24, 0x300]]);
    const tables = feed(new Tables(), new StreamMaker().tables());
    feed(tables, concat([maker.pat(0x1001), maker.pmt(0x1001)]));
    expect(tables.lead).toEqual({ pid: 0x300, codec: "h265" });
  });

  it("believes no table whose checksum is wrong", () => {
    const pat = new StreamMaker().pat();
    pat[16] = 1;
    expect(feed(new Tables(), pat).packets().byteLength).toBe(0);
  });

  it("takes any packets without throwing", () => {
    const packet = fc
      .tuple(fc.constantFrom(0, PMT_PID, VIDEO_PID), fc.uint8Array({ minLength: 185, maxLength: 185 }))
      .map(([pid, rest]) => Uint8Array.of(0x47, 0x40 | (pid >> 8), pid & 255, ...rest));
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 40 }), (packets) => {
        const tables = feed(new Tables(), new StreamMaker().tables());
        for (const bytes of packets) tables.push(bytes);
        readPackets(tables.packets());
      }),
    );
  });

  it("looks at a bounded number of programmes and streams", () => {
    const maker = new StreamMaker(Array.from({ length: 30 }, (_, index) => [5, 0x200 + index] as const));
    const programs = Array.from({ length: 40 }, (_, index) => [0, index + 1, 0xe1, index]).flat();
    const section = [0, 0xb0, 9 + programs.length, 0, 1, 0xc1, 0, 0, ...programs];
    const tables = feed(new Tables(), concat([maker.section(0, section), maker.pmt(0x110)]));
    expect(tables.packets().byteLength).toBe(188);
  });
});

describe("SectionReader", () => {
  /** A section with a valid checksum: the payload of a made packet. */
  function section(length: number): Uint8Array {
    const filling = Array.from({ length: length - 7 }, (_, index) => index & 255);
    const made = new StreamMaker().section(0, [
      2,
      0xb0 | ((length - 3) >> 8),
      (length - 3) & 255,
      ...filling,
    ]);
    return made.slice(5, 5 + length);
  }

  it("puts a section together from packets, whatever lies between two of them", () => {
    const whole = section(150);
    const two = concat([whole, whole]);
    const reader = new SectionReader();
    expect(reader.push(concat([Uint8Array.of(0), two.subarray(0, 170)]), true)).toEqual([whole]);
    const rest = two.subarray(170);
    expect(reader.push(concat([Uint8Array.of(rest.byteLength), rest, whole]), true)).toEqual([whole, whole]);
  });

  it("passes over a section longer than a table's may be, and reads the next", () => {
    const reader = new SectionReader();
    const tooLong = Uint8Array.of(0, 2, 0xb3, 0xff, ...new Uint8Array(180));
    expect(reader.push(tooLong, true)).toEqual([]);
    expect(reader.push(new Uint8Array(184), false)).toEqual([]);
    const whole = section(150);
    expect(reader.push(concat([Uint8Array.of(0), whole]), true)).toEqual([whole]);
  });

  it("reads what sectionPackets writes", () => {
    const whole = section(150);
    const packets = readPackets(sectionPackets(0, whole, 0));
    const reader = new SectionReader();
    expect(packets.flatMap(({ bytes, starts }) => reader.push(bytes.subarray(4), starts))).toEqual([whole]);
    expect(packets.map(({ counter }) => counter)).toEqual([0]);
    expect(readPackets(sectionPackets(7, new Uint8Array(400), 1)).map(({ counter }) => counter)).toEqual([
      15, 0, 1,
    ]);
  });

  it("takes any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 184 }), fc.boolean())), (payloads) => {
        const reader = new SectionReader();
        for (const [payload, starts] of payloads) reader.push(payload, starts);
      }),
    );
  });
});
