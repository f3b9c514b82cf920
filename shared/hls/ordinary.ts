// Ordinary segments: an EXTINF line and, right behind it, a URI whose file name needs no care. Nearly all lines of long
// playlists are such, so they are found by regular expressions and kept as numbers; scan.ts looks at the rest. Pure.

import { headStays, MEDIA_EXTENSIONS } from "./address.ts";

/** Characters of plain names other than the dot, of which two never follow each other. */
const PLAIN = "[A-Za-z0-9_!$'()*+;=@-]+";
/** A plain name that no address of the channel itself begins like. */
const NAME = `(?!t\\.|stream\\.)${PLAIN}(?:\\.${PLAIN})*\\.(?:${[...MEDIA_EXTENSIONS].join("|")})(?=\\r?\\n)`;
const LINE = "#EXTINF:[^\\n]*\\n";
const BARE_SEGMENT = new RegExp(LINE + NAME, "y");
/** Up to the last slash of the URI; what follows has to be a bare name. */
const HEAD = new RegExp(`${LINE}[^\\s?#{\\\\]*/`, "y");
const BARE_NAME = new RegExp(NAME, "y");
const SLASH = 0x2f;
const COLON = 0x3a;
/** What tells EXTINF from nearly all other tags. */
const LETTER_I = 0x49;
/** After so many segments a head gets a pattern of its own, which takes about as long to make as these did. */
const SEGMENTS_BEFORE_PATTERN = 256;
const PATTERNS_MAX = 8;
/** Above every offset: with it one number holds a head's index and an offset. */
const OFFSETS = 2 ** 32;

/** What stands before the names of segments: "", a folder, or an absolute URL's part. */
interface Head {
  readonly text: string;
  readonly index: number;
  /** Matches segments with this head. */
  pattern: RegExp | undefined;
  segments: number;
  /** The one that came after it the last time: hosts are often taken in turn. */
  next: Head | undefined;
}

export class OrdinarySegments {
  readonly #text: string;
  /** For each segment the index of its head and where its URI ends. */
  readonly #found: number[] = [];
  readonly #bare: Head = { text: "", index: 0, pattern: BARE_SEGMENT, segments: 0, next: undefined };
  readonly #heads: Head[] = [this.#bare];
  #byText: Map<string, Head> | undefined;
  #patterns = 0;
  #last = this.#bare;
  /** True while every segment may stay as it is; see staysRelative. */
  stay = true;

  constructor(text: string) {
    this.#text = text;
  }

  /** What stands before names, in the order of first use; the first is "". */
  get heads(): string[] {
    return this.#heads.map(({ text }) => text);
  }

  /** The end of the URI when there is such a segment at `at`, which is kept then; else 0. */
  take(at: number): number {
    if (this.#text.charCodeAt(at + 4) !== LETTER_I) return 0;
    const likely = this.#last.next ?? this.#last;
    const { pattern } = likely;
    if (pattern) {
      const end = endOf(pattern, this.#text, at);
      if (end > 0) return this.#keep(likely, end);
    }
    const bare = likely === this.#bare ? 0 : endOf(BARE_SEGMENT, this.#text, at);
    return bare > 0 ? this.#keep(this.#bare, bare) : this.#takeHeaded(at);
  }

  #keep(head: Head, end: number): number {
    this.#found.push(head.index * OFFSETS + end);
    this.#last.next = head;
    this.#last = head;
    return end;
  }

  #takeHeaded(at: number): number {
    const text = this.#text;
    const name = endOf(HEAD, text, at);
    if (name === 0) return 0;
    // Right behind a scheme or a second slash the name may be taken for a host.
    const before = text.charCodeAt(name - 2);
    if (before === SLASH || before === COLON) return 0;
    const end = endOf(BARE_NAME, text, name);
    if (end === 0) return 0;
    const written = text.slice(text.lastIndexOf("\n", name) + 1, name);
    const head = this.#byText?.get(written) ?? this.#add(written);
    if (++head.segments === SEGMENTS_BEFORE_PATTERN && this.#patterns < PATTERNS_MAX) {
      this.#patterns++;
      head.pattern = new RegExp(LINE + written.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&") + NAME, "y");
    }
    return this.#keep(head, end);
  }

  #add(text: string): Head {
    if (!headStays(text)) this.stay = false;
    const index = this.#heads.length;
    const head: Head = { text, index, pattern: undefined, segments: 0, next: undefined };
    this.#byText ??= new Map();
    this.#byText.set(text, head);
    this.#heads.push(head);
    return head;
  }

  /** Calls `visit` with each segment in file order: where its URI begins, its name begins, both end, and its head. */
  each(visit: (start: number, name: number, end: number, head: number) => void): void {
    for (const number of this.#found) {
      const head = Math.floor(number / OFFSETS);
      const end = number - head * OFFSETS;
      const start = this.#text.lastIndexOf("\n", end - 1) + 1;
      visit(start, start + (this.#heads[head]?.text.length ?? 0), end, head);
    }
  }
}

/** Where a sticky pattern that matches at `at` ends; 0 when it does not match. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : 0;
}
