// Attribute lists of playlist tags (RFC 8216 section 4.2), as offsets into one line. Names are read at list boundaries
// only: URI also ends SERVER-URI and X-ASSET-URI, and may occur inside a quoted value. Pure; must not change bytes.

/** One attribute of a line; offsets are into that line. */
export interface Attribute {
  readonly name: string;
  /** Where the name begins. */
  readonly start: number;
  /** The value without its quotes. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly quoted: boolean;
  /** Behind the value and its closing quote. */
  readonly end: number;
}

const COMMA = 0x2c;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const SPACE = 0x20;
const TAB = 0x09;

function skipSeparators(line: string, from: number): number {
  let i = from;
  while (i < line.length) {
    const code = line.charCodeAt(i);
    if (code !== COMMA && code !== SPACE && code !== TAB) break;
    i++;
  }
  return i;
}

/** Some origins write blanks around the equals sign and before the comma; some players look past them. */
function skipBlanks(line: string, from: number): number {
  let i = from;
  while (line.charCodeAt(i) === SPACE || line.charCodeAt(i) === TAB) i++;
  return i;
}

/** Where blanks before `end` begin. */
function blanksBefore(line: string, from: number, end: number): number {
  let i = end;
  while (i > from && (line.charCodeAt(i - 1) === SPACE || line.charCodeAt(i - 1) === TAB)) i--;
  return i;
}

function nameEnd(line: string, from: number): number {
  let i = from;
  while (i < line.length) {
    const code = line.charCodeAt(i);
    if (code === EQUALS || code === COMMA) break;
    i++;
  }
  return i;
}

/**
 * The attributes of `line` from offset `from` on. There is no escape within quotes; a quoted value that never closes
 * ends the list, because where it was meant to end cannot be known.
 */
export function scanAttributes(line: string, from: number): Attribute[] {
  const attributes: Attribute[] = [];
  let i = skipSeparators(line, from);
  while (i < line.length) {
    const start = i;
    const equals = nameEnd(line, start);
    if (line.charCodeAt(equals) !== EQUALS) {
      i = skipSeparators(line, equals);
      continue;
    }
    const value = skipBlanks(line, equals + 1);
    const quoted = line.charCodeAt(value) === QUOTE;
    const valueStart = quoted ? value + 1 : value;
    const stop = line.indexOf(quoted ? '"' : ",", valueStart);
    if (quoted && stop < 0) break;
    const end = stop < 0 ? line.length : quoted ? stop + 1 : stop;
    const valueEnd = quoted ? stop : blanksBefore(line, valueStart, end);
    attributes.push({ name: line.slice(start, equals).trimEnd(), start, valueStart, valueEnd, quoted, end });
    const comma = line.indexOf(",", end);
    i = comma < 0 ? line.length : skipSeparators(line, comma);
  }
  return attributes;
}

/** The value of the attribute called `name`, without quotes, or undefined. */
export function attributeValue(
  line: string,
  attributes: readonly Attribute[],
  name: string,
): string | undefined {
  const found = attributes.find((attribute) => attribute.name === name);
  return found && line.slice(found.valueStart, found.valueEnd);
}
