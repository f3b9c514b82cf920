// Tells which units (PES packets) of a stream a decoder can begin with: by the packet's own flag, else by the first
// picture's kind. Pure; never throws.

import { TS_LIMITS } from "../limits.ts";
import { isRandomAccess, payloadOf, startsUnit } from "./packet.ts";

/** What is in a stream, as far as it matters here; "video": a kind that only the packet's flag tells about. */
export type Codec = "h264" | "h265" | "mpeg2" | "mpeg4" | "video" | "audio" | "other";

/** stream_type of ISO/IEC 13818-1 table 2-34, and those of ATSC and Blu-ray in use. */
const CODECS: Readonly<Record<number, Codec>> = {
  1: "mpeg2",
  2: "mpeg2",
  3: "audio",
  4: "audio",
  15: "audio",
  16: "mpeg4",
  17: "audio",
  27: "h264",
  28: "audio",
  36: "h265",
  51: "video",
  66: "video",
  129: "audio",
  130: "audio",
  135: "audio",
  209: "video",
  210: "video",
  234: "video",
};

export function codecOf(streamType: number): Codec {
  return CODECS[streamType] ?? "other";
}

/** What a start code says: "key" a unit that can be begun with, "other" one that cannot, undefined: neither. */
type Verdict = "key" | "other" | undefined;

const VERDICTS: Readonly<Partial<Record<Codec, (code: number) => Verdict>>> = { h264, h265, mpeg2, mpeg4 };

/** ITU-T H.264 table 7-1. A parameter set counts: broadcasters begin with it, and with a picture that is no IDR. */
function h264(code: number): Verdict {
  const type = code & 0x1f;
  if (code & 0x80) return undefined;
  if (type === 5 || type === 7) return "key";
  return type >= 1 && type <= 4 ? "other" : undefined;
}

/** ITU-T H.265 table 7-1: IRAP pictures, and the parameter sets before them. */
function h265(code: number): Verdict {
  const type = (code >> 1) & 0x3f;
  if (code & 0x80) return undefined;
  if ((type >= 16 && type <= 21) || type === 32 || type === 33) return "key";
  return type <= 9 ? "other" : undefined;
}

/** ISO/IEC 13818-2 table 6-1: sequence header or group of pictures, before the first picture. */
function mpeg2(code: number): Verdict {
  if (code === 0xb3 || code === 0xb8) return "key";
  return code === 0 ? "other" : undefined;
}

/** ISO/IEC 14496-2 table 6-3. */
function mpeg4(code: number): Verdict {
  if (code === 0xb0 || code === 0xb3 || (code >= 0x20 && code <= 0x2f)) return "key";
  return code === 0xb6 ? "other" : undefined;
}

/** Watches the packets of one stream. */
export class RandomAccessFinder {
  readonly #codec: Codec;
  /** Packets of the unit that may still be looked at; 0: it has been decided on. */
  #packetsLeft = 0;
  /** The last four bytes. */
  #window = 0xffffffff;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** True when this packet shows that the unit it belongs to can be begun with; said once per unit. */
  push(packet: Uint8Array): boolean {
    if (startsUnit(packet)) {
      this.#packetsLeft = TS_LIMITS.UNIT_PACKETS_SEEN;
      this.#window = 0xffffffff;
      if (this.#codec === "audio" || isRandomAccess(packet)) {
        this.#packetsLeft = 0;
        return true;
      }
    }
    const judge = VERDICTS[this.#codec];
    if (!judge || this.#packetsLeft === 0) return false;
    this.#packetsLeft--;
    const verdict = this.#scan(payloadOf(packet), judge);
    if (verdict !== undefined) this.#packetsLeft = 0;
    return verdict === "key";
  }

  /** A start code may lie across packets. The PES header is scanned along: its marker bits keep start codes out. */
  #scan(payload: Uint8Array, judge: (code: number) => Verdict): Verdict {
    let window = this.#window;
    for (const byte of payload) {
      window = ((window << 8) | byte) >>> 0;
      if (window >>> 8 !== 1) continue;
      const verdict = judge(byte);
      if (verdict !== undefined) return verdict;
    }
    this.#window = window;
    return undefined;
  }
}
