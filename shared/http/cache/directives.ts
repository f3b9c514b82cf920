// Cache-Control and its relatives, taken apart (RFC 9111 section 5.2). Quoted strings are honoured, so that nothing inside
// one passes for a directive. Pure: never throws, whatever the text.

/** Directive names in lower case with their arguments, unquoted; "" for those without one. The first of a name counts. */
export type Directives = ReadonlyMap<string, string>;

const NONE: Directives = new Map();
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The elements of a comma-separated field, trimmed; commas within quotes separate nothing. */
export function listElements(text: string): string[] {
  if (!text.includes('"')) return text.split(",").map((part) => part.trim());
  const elements: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted && char === "\\") at++;
    else if (char === '"') quoted = !quoted;
    else if (char === "," && !quoted) {
      elements.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  elements.push(text.slice(from).trim());
  return elements;
}

/** A quoted string's content; any other text as it is. */
function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replace(/\\(.)/g, "$1");
}

/** Directives that forbid: understood where they can be, also in a field that somebody wrote with semicolons. */
const FORBIDDING: ReadonlySet<string> = new Set(["no-store", "private", "no-cache"]);
const LEADING_NAME = /^[a-z-]+(?=[\s;])/i;

/**
 * The directives of a field, or none without one. What is no directive is left out; of a name that comes twice the first
 * counts, except where the second one forbids more.
 */
export function parseDirectives(text: string | null): Directives {
  if (text === null || text === "") return NONE;
  const directives = new Map<string, string>();
  for (const element of listElements(text)) {
    const equals = element.indexOf("=");
    const name = (equals < 0 ? element : element.slice(0, equals)).toLowerCase();
    const leading = LEADING_NAME.exec(element)?.[0].toLowerCase() ?? "";
    if (FORBIDDING.has(leading)) directives.set(leading, "");
    if (!NAME.test(name)) continue;
    const argument = equals < 0 ? "" : unquote(element.slice(equals + 1));
    if (!directives.has(name) || (FORBIDDING.has(name) && argument === "")) directives.set(name, argument);
  }
  return directives;
}

/** Longest time anything is reckoned with, in seconds: ten years; larger figures would leave a double's exact range. */
const SECONDS_MAX = 315_360_000;

/** A delta-seconds argument in milliseconds; undefined for anything else (RFC 9111 section 1.2.2). */
export function deltaMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  return Math.min(Number(text), SECONDS_MAX) * 1_000;
}

/** The field names in a directive's argument, as in private="Set-Cookie", in lower case. */
export function namedFields(argument: string | undefined): readonly string[] {
  if (argument === undefined || argument === "") return [];
  return argument
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => NAME.test(name));
}

/** True for a directive that holds for the whole response, not only for fields that it names. */
export function holdsForAll(directives: Directives, name: string): boolean {
  return directives.has(name) && namedFields(directives.get(name)).length === 0;
}
