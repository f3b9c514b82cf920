// Puts replacements into a playlist's spans; every byte outside them stays. Pure.

import type { Span } from "./scan.ts";

/**
 * `text` with `replacements[i]` in the place of `spans[i]`; undefined keeps a span as it is. Spans are in file order
 * and do not overlap, as scanPlaylist returns them.
 */
export function replaceSpans(
  text: string,
  spans: readonly Pick<Span, "start" | "end">[],
  replacements: readonly (string | undefined)[],
): string {
  let out = "";
  let done = 0;
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i];
    const replacement = replacements[i];
    if (!span || replacement === undefined) continue;
    out += text.slice(done, span.start) + replacement;
    done = span.end;
  }
  return done === 0 ? text : out + text.slice(done);
}
