// Globs over names and groups: "*" is any text, "?" any one character, case does not count. Bounded work for every pair of
// glob and text, unlike a regular expression. Pure.

import { LIST_LIMITS } from "../limits.ts";

/**
 * What the stars of `glob` stand for in `text`, in order; undefined when it does not match. A star takes as little as
 * possible, the last one what is left.
 */
export function matchGlob(glob: string, text: string): string[] | undefined {
  const pattern = glob.toLowerCase();
  const folded = text.toLowerCase();
  // Folding may change lengths ("İ"): what stars stand for is then cut from the folded text.
  const source = folded.length === text.length ? text : folded;
  const stars: { from: number; to: number }[] = [];
  let p = 0;
  let t = 0;
  let back: { p: number; star: number } | undefined;
  for (let steps = 0; steps < LIST_LIMITS.GLOB_STEPS_MAX; steps++) {
    const char = pattern[p];
    if (char === "*") {
      back = { p, star: stars.length };
      stars.push({ from: t, to: t });
      p++;
    } else if (t < folded.length && char !== undefined && (char === "?" || char === folded[t])) {
      p++;
      t++;
    } else if (t === folded.length && p === pattern.length) {
      return stars.map(({ from, to }) => source.slice(from, to));
    } else {
      // The last star takes one character more, and what stood behind it is matched anew.
      const star = back === undefined ? undefined : stars[back.star];
      if (back === undefined || star === undefined || star.to >= folded.length) return undefined;
      star.to++;
      t = star.to;
      p = back.p + 1;
      stars.length = back.star + 1;
    }
  }
  return undefined;
}

/** `template` with its stars replaced by `stars`, in order; stars without a text vanish. */
export function fillStars(template: string, stars: readonly string[]): string {
  let next = 0;
  return template.replaceAll("*", () => stars[next++] ?? "");
}

/** True when any of the globs matches. */
export function matchesAny(globs: readonly string[], text: string): boolean {
  return globs.some((glob) => matchGlob(glob, text) !== undefined);
}

/** `text` as the first rule that matches renames it: globs to templates whose stars are the glob's. */
export function rename(rules: Readonly<Record<string, string>>, text: string): string {
  for (const [glob, template] of Object.entries(rules)) {
    const stars = matchGlob(glob, text);
    if (stars !== undefined) return fillStars(template, stars).replaceAll(/\s+/g, " ").trim();
  }
  return text;
}
