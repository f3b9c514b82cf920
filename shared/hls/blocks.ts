// A media playlist cut into its segments: which lines belong to which segment, and which numbers it has. Renumbering works
// on these; rewriting of URIs does not need them. Pure, never throws on any text.

export interface Line {
  /** Without its line end. */
  readonly text: string;
  readonly end: string;
  /** The tag's name with "#"; "" for anything that is no tag. */
  readonly tag: string;
}

/** The lines of one segment, those of its partial segments included. The last one of these is its URI. */
export interface Block {
  readonly lines: readonly Line[];
  readonly durationMs: number;
  /** It begins with EXT-X-DISCONTINUITY. */
  readonly breaks: boolean;
}

export interface Blocks {
  readonly blocks: readonly Block[];
  /** What stands behind the last segment. */
  readonly tail: readonly Line[];
  /** Media sequence number of the first block. */
  readonly first: number;
  /** Media sequence number of the last block; first - 1 when there is none. */
  readonly last: number;
  /** EXT-X-DISCONTINUITY-SEQUENCE. */
  readonly discontinuity: number;
  readonly targetMs: number;
  readonly ended: boolean;
}

/** Far beyond microseconds since 1970, by which some origins count, and offsets can be added without losing a digit. */
const NUMBER_MAX = 2 ** 52;

/** Undefined when the numbers are beyond counting: such a playlist is garbage. */
export function readBlocks(text: string): Blocks | undefined {
  const blocks: Block[] = [];
  let lines: Line[] = [];
  let durationMs = 0;
  let breaks = false;
  const head = { first: 0, discontinuity: 0, targetMs: 0, skipped: 0, ended: false };
  for (const line of linesOf(text)) {
    lines.push(line);
    const value = line.text.slice(line.tag.length + 1).trim();
    if (line.tag === "#EXTINF") durationMs = Math.max(0, Number.parseFloat(value) || 0) * 1_000;
    else if (line.tag === "#EXT-X-DISCONTINUITY") breaks = true;
    else if (line.tag !== "") readHead(line.tag, value, head);
    else if (line.text.trim() !== "" && !line.text.trim().startsWith("#")) {
      blocks.push({ lines, durationMs, breaks });
      lines = [];
      durationMs = 0;
      breaks = false;
    }
  }
  const { discontinuity, targetMs, ended } = head;
  const first = head.first + head.skipped;
  const last = first + blocks.length - 1;
  if (!(last < NUMBER_MAX && discontinuity < NUMBER_MAX)) return undefined;
  return { blocks, tail: lines, first, last, discontinuity, targetMs, ended };
}

/** The discontinuity sequence number of the block at `index` (RFC 8216 section 6.2.1), its own break included. */
export function discontinuityOf({ blocks, discontinuity }: Blocks, index: number): number {
  let number = discontinuity;
  for (let i = 0; i <= index; i++) if (blocks[i]?.breaks) number++;
  return number;
}

interface Head {
  first: number;
  discontinuity: number;
  targetMs: number;
  skipped: number;
  ended: boolean;
}

function readHead(tag: string, value: string, head: Head): void {
  if (tag === "#EXT-X-MEDIA-SEQUENCE") head.first = wholeNumber(value);
  else if (tag === "#EXT-X-DISCONTINUITY-SEQUENCE") head.discontinuity = wholeNumber(value);
  else if (tag === "#EXT-X-TARGETDURATION") head.targetMs = wholeNumber(value) * 1_000;
  else if (tag === "#EXT-X-SKIP")
    head.skipped = wholeNumber(/(?:^|,)SKIPPED-SEGMENTS=(\d+)/.exec(value)?.[1] ?? "0");
  else if (tag === "#EXT-X-ENDLIST") head.ended = true;
}

function wholeNumber(text: string): number {
  const digits = /^\d+/.exec(text)?.[0];
  return digits === undefined ? 0 : Number(digits);
}

function* linesOf(text: string): Generator<Line> {
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf("\n", start);
    const next = feed < 0 ? text.length : feed + 1;
    const crlf = feed > start && text.charCodeAt(feed - 1) === 0x0d;
    const stop = feed < 0 ? text.length : crlf ? feed - 1 : feed;
    const line = text.slice(start, stop);
    yield { text: line, end: text.slice(stop, next), tag: /^\uFEFF?(#EXT[A-Z0-9-]*)/.exec(line)?.[1] ?? "" };
    start = next;
  }
}
