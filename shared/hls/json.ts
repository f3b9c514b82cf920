// Where the values of a JSON text stand, so that some can be replaced while every other byte stays. Pure, never throws.

export type JsonPath = readonly (string | number)[];

const BOM = "\ufeff";
/** What stands between names and values. */
const BETWEEN = ` \t\r\n,:${BOM}`;

/** The value of `text`, with or without a byte order mark; undefined when it is no JSON. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.startsWith(BOM) ? text.slice(1) : text) };
  } catch {
    return undefined;
  }
}

/**
 * Calls `visit` with the path and offsets of each value in `text`, inner ones first; the path is only lent. `text` has
 * to be JSON: parseJson says so.
 */
export function visitJson(text: string, visit: (path: JsonPath, start: number, end: number) => void): void {
  const path: (string | number)[] = [];
  const opened: number[] = [];
  for (let i = 0; i < text.length; ) {
    const char = text.charAt(i);
    const last = path.length - 1;
    if (char === "{" || char === "[") {
      opened.push(i++);
      path.push(char === "{" ? "" : 0);
    } else if (char === "}" || char === "]") {
      path.pop();
      visit(path, opened.pop() ?? 0, ++i);
    } else if (char === '"') {
      const end = stringEnd(text, i);
      if (isKey(text, end)) path[last] = String(JSON.parse(text.slice(i, end)));
      else visit(path, i, end);
      i = end;
    } else if (BETWEEN.includes(char)) {
      const index = path[last];
      if (char === "," && typeof index === "number") path[last] = index + 1;
      i++;
    } else {
      const start = i;
      while (i < text.length && !/[\s,\]}]/.test(text.charAt(i))) i++;
      visit(path, start, i);
    }
  }
}

/** Behind the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charAt(i) !== '"') i += text.charAt(i) === "\\" ? 2 : 1;
  return i + 1;
}

/** Only the name of a member has a colon behind it. */
function isKey(text: string, end: number): boolean {
  let i = end;
  while (/\s/.test(text.charAt(i))) i++;
  return text.charAt(i) === ":";
}
