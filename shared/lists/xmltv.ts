// Reads XMLTV as its text comes in: channels and programmes one by one, whatever stands around them. Guides have hundreds of
// megabytes and are often broken somewhere; one broken element costs itself and no other. Pure, never throws on any text.

import { LIST_LIMITS as LIMITS } from "../limits.ts";
import { readXmlAttributes, tagEnd } from "./xml-text.ts";

/** One element of a guide. Values and contents are as they stand: their references are not replaced. */
export interface GuideElement {
  readonly type: "channel" | "programme";
  readonly attributes: ReadonlyMap<string, string>;
  /** What stands between its tags. */
  readonly contents: string;
}

interface Step {
  /** Where reading goes on. */
  readonly at: number;
  /** More text is needed to tell what stands there. */
  readonly wait: boolean;
  readonly element?: GuideElement;
}

/** Reads one guide. */
export class XmltvReader {
  #rest = "";
  #isGuide = false;

  /** Whether a root element of a guide, or any element of one, has been seen. */
  get isGuide(): boolean {
    return this.#isGuide;
  }

  /** The elements that `text` completes. */
  *push(text: string): Generator<GuideElement, void> {
    yield* this.#read(text, false);
  }

  /** The elements behind one whose end never came. */
  *end(): Generator<GuideElement, void> {
    yield* this.#read("", true);
  }

  *#read(text: string, isLast: boolean): Generator<GuideElement, void> {
    const buffer = new Buffered(this.#rest + text);
    const { length } = buffer.text;
    let at = 0;
    for (;;) {
      const step = this.#step(buffer, at);
      if (step.element !== undefined) yield step.element;
      // What has no end by now never will, or is too long to be of use.
      const isGivenUp = step.wait && (isLast || length - step.at > LIMITS.PROGRAMME_CHARS_MAX);
      at = step.at + (isGivenUp ? 1 : 0);
      if (at >= length || (step.wait && !isGivenUp)) break;
    }
    this.#rest = buffer.text.slice(at);
  }

  #step(found: Buffered, from: number): Step {
    const buffer = found.text;
    const start = buffer.indexOf("<", from);
    if (start < 0) return { at: buffer.length, wait: true };
    // The longest mark that decides what follows is "<programme ".
    if (buffer.length - start < 11 && buffer.indexOf(">", start) < 0) return { at: start, wait: true };
    if (buffer.startsWith("<!--", start)) return passOver(found, start, "-->");
    if (buffer.startsWith("<![CDATA[", start)) return passOver(found, start, "]]>");
    if (/^<tv[\s>]/.test(buffer.slice(start, start + 4))) this.#isGuide = true;
    const type = typeAt(buffer, start);
    if (type === undefined) return { at: start + 1, wait: false };
    this.#isGuide = true;
    return elementAt(found, start, type);
  }
}

/**
 * Text in which marks are looked for from places that move on: one that stands far ahead, or nowhere, is searched for once
 * and not from each place anew, or a guide of nothing but beginnings would take the square of its length.
 */
class Buffered {
  readonly text: string;
  readonly #found = new Map<string, { readonly from: number; readonly at: number }>();

  constructor(text: string) {
    this.text = text;
  }

  /** As `indexOf`. */
  find(mark: string, from: number): number {
    const known = this.#found.get(mark);
    if (known && known.from <= from && (known.at < 0 || known.at >= from)) return known.at;
    const at = this.text.indexOf(mark, from);
    this.#found.set(mark, { from, at });
    return at;
  }
}

function elementAt(found: Buffered, start: number, type: GuideElement["type"]): Step {
  const buffer = found.text;
  const head = tagEnd(buffer, start);
  if (head < 0) return { at: start, wait: true };
  const attributes = readXmlAttributes(buffer.slice(start + 1 + type.length, head));
  if (buffer[head - 1] === "/")
    return { at: head + 1, wait: false, element: { type, attributes, contents: "" } };
  const close = found.find(`</${type}`, head);
  if (close < 0) {
    // None of those that begin before the last one can have an end either.
    const last = buffer.lastIndexOf(`<${type}`);
    return last > start ? { at: last, wait: false } : { at: start, wait: true };
  }
  const next = nextOf(found, type, { from: head, to: close });
  if (next !== undefined) return { at: next, wait: false };
  if (close - start > LIMITS.PROGRAMME_CHARS_MAX) return { at: close + 2, wait: false };
  const contents = buffer.slice(head + 1, close);
  return { at: close + 2, wait: false, element: { type, attributes, contents } };
}

function passOver(found: Buffered, start: number, end: string): Step {
  const at = found.find(end, start);
  return at < 0 ? { at: start, wait: true } : { at: at + end.length, wait: false };
}

function typeAt(buffer: string, start: number): GuideElement["type"] | undefined {
  const match = /^<(channel|programme)[\s/>]/.exec(buffer.slice(start, start + 11));
  return match?.[1] as GuideElement["type"] | undefined;
}

/** Another element of that type that begins before this one's end: its own was left out. */
function nextOf(
  found: Buffered,
  type: string,
  { from, to }: { readonly from: number; readonly to: number },
): number | undefined {
  for (let at = found.find(`<${type}`, from); at >= 0 && at < to; at = found.find(`<${type}`, at + 1)) {
    if (/[\s/>]/.test(found.text[at + 1 + type.length] ?? "")) return at;
  }
  return undefined;
}

/** Milliseconds of an XMLTV time, "20261231235959 +0100", shorter ones padded, without a zone in UTC; else undefined. */
export function xmltvTime(text: string): number | undefined {
  const match =
    /^\s*(\d{4})(\d{2})(\d{2})?(\d{2})?(\d{2})?(\d{2})?\s*(?:([+-])(\d{2}):?(\d{2})|[A-Z]{1,5})?\s*$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [, year, month, day = "01", hour = "00", minute = "00", second = "00", sign, hours, minutes] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) return undefined;
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return sign === "-" ? time + offset : time - offset;
}
