// A low-latency live origin that moves only when a test says so (RFC 8216bis): it holds blocking reloads and hinted parts
// until what they ask for is there, and answers delta updates. Parts are files of their own, or ranges of a segment's file
// that grows.

import type { ServerResponse } from "node:http";
import { type HlsOrigin, patternBytes } from "./hls-origin.ts";

const PARTS_PER_SEGMENT = 4;
/** Segments in the playlist, and those of them that have parts. */
const WINDOW = 6;
const WITH_PARTS = 3;

export interface LlOptions {
  /** Folder of the origin that it answers in; the playlist is index.m3u8. */
  readonly folder: string;
  readonly parts: "files" | "ranges";
  readonly partBytes?: number;
}

export interface LlOrigin {
  /** The part that comes next. */
  readonly msn: number;
  readonly part: number;
  /** Requests that wait for something. */
  readonly held: number;
  /** The next part is there, and at its end the segment. */
  publish(parts?: number): void;
  bytesOf(msn: number, part: number): Uint8Array;
  segment(msn: number): Uint8Array;
  /** The playlist as it is now; what a delta update leaves out is skipped. */
  playlist(delta: boolean): string;
}

interface Waiting {
  readonly isDue: () => boolean;
  readonly go: () => void;
}

/** Adds the stream to `origin`, with a window of complete segments behind it. */
export function serveLowLatency(origin: HlsOrigin, options: LlOptions): LlOrigin {
  const stream = new Stream(options);
  origin.on(`/${options.folder}/index.m3u8`, (_request, response, url) => stream.answerReload(response, url));
  for (let n = 0; n < 100; n++) serveSegment(origin, stream, options, n);
  return stream;
}

function serveSegment(origin: HlsOrigin, stream: Stream, { folder, parts }: LlOptions, msn: number): void {
  origin.on(`/${folder}/s${msn}.mp4`, (request, response) =>
    stream.answerFile(response, msn, request.headers.range),
  );
  if (parts === "ranges") return;
  for (let part = 0; part < PARTS_PER_SEGMENT; part++)
    origin.on(`/${folder}/s${msn}.${part}.mp4`, (_request, response) =>
      stream.answerPart(response, msn, part),
    );
}

class Stream implements LlOrigin {
  readonly #options: LlOptions;
  readonly #partBytes: number;
  #parts = WINDOW * PARTS_PER_SEGMENT;
  #waiting: Waiting[] = [];

  constructor(options: LlOptions) {
    this.#options = options;
    this.#partBytes = options.partBytes ?? 2_000;
  }

  get msn(): number {
    return Math.floor(this.#parts / PARTS_PER_SEGMENT);
  }

  get part(): number {
    return this.#parts % PARTS_PER_SEGMENT;
  }

  get held(): number {
    return this.#waiting.length;
  }

  publish(parts = 1): void {
    for (let n = 0; n < parts; n++) {
      this.#parts++;
      const due = this.#waiting.filter(({ isDue }) => isDue());
      this.#waiting = this.#waiting.filter((entry) => !due.includes(entry));
      for (const { go } of due) go();
    }
  }

  bytesOf(msn: number, part: number): Uint8Array {
    return patternBytes(this.#partBytes, msn * PARTS_PER_SEGMENT + part + 1);
  }

  segment(msn: number): Uint8Array {
    return Buffer.concat(Array.from({ length: PARTS_PER_SEGMENT }, (_, part) => this.bytesOf(msn, part)));
  }

  /** The first moment at which `_HLS_msn` and `_HLS_part` are there; without a part the segment has to be complete. */
  answerReload(response: ServerResponse, url: URL): void {
    const msn = url.searchParams.get("_HLS_msn");
    const delta = url.searchParams.has("_HLS_skip");
    if (msn === null) {
      response.end(this.playlist(delta));
      return;
    }
    if (Number(msn) > this.msn + 2) {
      response.writeHead(400).end();
      return;
    }
    const part = Number(url.searchParams.get("_HLS_part") ?? PARTS_PER_SEGMENT - 1);
    this.#hold(Number(msn), part, () => response.end(this.playlist(delta)));
  }

  answerPart(response: ServerResponse, msn: number, part: number): void {
    const next = msn === this.msn && part === this.part;
    if (!this.#has(msn, part) && !next) {
      response.writeHead(404).end();
      return;
    }
    this.#hold(msn, part, () => response.end(this.bytesOf(msn, part)));
  }

  /** A range that begins where the file ends is held, and answered with the next part. */
  answerFile(response: ServerResponse, msn: number, range: string | undefined): void {
    const whole = this.segment(msn);
    const sizeNow = () =>
      msn < this.msn ? whole.length : msn === this.msn ? this.part * this.#partBytes : 0;
    const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
    if (!match) {
      if (msn > this.msn) response.writeHead(404).end();
      else response.end(whole.subarray(0, sizeNow()));
      return;
    }
    const first = Number(match[1]);
    const send = () => {
      const last = Math.min(match[2] === "" ? Infinity : Number(match[2]), sizeNow() - 1);
      const total = msn < this.msn ? whole.length : "*";
      response.writeHead(206, { "content-range": `bytes ${first}-${last}/${total}` });
      response.end(whole.subarray(first, last + 1));
    };
    if (first >= whole.length || msn > this.msn) response.writeHead(416).end();
    else this.#hold(msn, Math.floor(first / this.#partBytes), send);
  }

  #has(msn: number, part: number): boolean {
    return msn * PARTS_PER_SEGMENT + part < this.#parts;
  }

  #hold(msn: number, part: number, go: () => void): void {
    if (this.#has(msn, part)) go();
    else this.#waiting.push({ isDue: () => this.#has(msn, part), go });
  }

  playlist(delta: boolean): string {
    const first = this.msn - WINDOW;
    const skipped = delta ? WINDOW - WITH_PARTS : 0;
    const lines = [
      "#EXTM3U",
      "#EXT-X-VERSION:9",
      "#EXT-X-TARGETDURATION:2",
      "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12",
      "#EXT-X-PART-INF:PART-TARGET=0.5",
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
    ];
    if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
    for (let msn = first + skipped; msn <= this.msn; msn++) lines.push(...this.#segmentLines(msn));
    lines.push(this.#hintLine());
    return `${lines.join("\n")}\n`;
  }

  #segmentLines(msn: number): string[] {
    const complete = msn < this.msn;
    const count = complete ? PARTS_PER_SEGMENT : this.part;
    const lines =
      msn < this.msn - WITH_PARTS ? [] : Array.from({ length: count }, (_, n) => this.#partLine(msn, n));
    return complete ? [...lines, "#EXTINF:2,", `s${msn}.mp4`] : lines;
  }

  #partLine(msn: number, part: number): string {
    const place =
      this.#options.parts === "files"
        ? `URI="s${msn}.${part}.mp4"`
        : `URI="s${msn}.mp4",BYTERANGE="${this.#partBytes}@${part * this.#partBytes}"`;
    return `#EXT-X-PART:DURATION=0.5,${place}`;
  }

  #hintLine(): string {
    const place =
      this.#options.parts === "files"
        ? `URI="s${this.msn}.${this.part}.mp4"`
        : `URI="s${this.msn}.mp4",BYTERANGE-START=${this.part * this.#partBytes}`;
    return `#EXT-X-PRELOAD-HINT:TYPE=PART,${place}`;
  }
}
