// One problem of a configuration and how its parts are put into words. Secrets never reach the words. Pure.

import { isEnvReference, MASK } from "./fields.ts";
import type { Field } from "./inspect.ts";

/** What is wrong with a configuration, at one place. All three are texts for people. */
export interface Problem {
  /** Where, as in `hosts[0].max_body`; empty for the whole document. */
  readonly path: string;
  /** The value given, shortened; secrets are masked. */
  readonly value: string;
  /** What would be legal. */
  readonly legal: string;
}

const SHOWN_CHARS_MAX = 80;

/** A given value in words. Text of a secret, and user information in URLs, is masked. */
export function showValue(value: unknown, secret: Field["secret"]): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "string") return showText(value, secret);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  return secret === undefined ? String(value).slice(0, SHOWN_CHARS_MAX) : MASK;
}

function showText(value: string, secret: Field["secret"]): string {
  if (secret !== undefined && !isEnvReference(value)) return MASK;
  const shown = value.replace(/\/\/[^/@\s]*@/g, `//${MASK}@`);
  return shown.length <= SHOWN_CHARS_MAX
    ? JSON.stringify(shown)
    : `${JSON.stringify(shown.slice(0, SHOWN_CHARS_MAX))}…`;
}

/** One line for people: path, value given, legal range. */
export function formatProblem({ path, value, legal }: Problem): string {
  return `${path === "" ? "the file" : path}: ${value}: expected ${legal}`;
}

/** The known key closest to a mistyped one, if any is close. */
export function closestKey(key: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.slice(0, 64).toLowerCase(), candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, by one row of the matrix at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
