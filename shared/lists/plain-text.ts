// Text from lists and guides as it may stand in ours: bounded, and without characters that end lines or mean nothing. Pure.

import { LIST_LIMITS } from "../limits.ts";

/** One line of at most `max` characters; whitespace of any kind is one space. */
export function plainText(text: string, max: number = LIST_LIMITS.TEXT_CHARS_MAX): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  const line = text.replaceAll(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
  // A character beyond the Basic Multilingual Plane must not be cut in half.
  return line
    .toWellFormed()
    .slice(0, max)
    .replace(/[\ud800-\udbff]$/, "");
}
