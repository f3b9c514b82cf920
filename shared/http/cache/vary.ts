// Which fields of a request select among the stored responses of one URL, and the part of the key they make (RFC 9111
// section 4.1). The platform's cache ignores Vary. Pure.

import { CACHE_LIMITS as LIMITS } from "../../limits.ts";

/** The names in Vary, in lower case, sorted, each once; undefined when nothing can be selected by them. */
export function varyNames(vary: string | null): readonly string[] | undefined {
  if (vary === null) return [];
  const names = new Set<string>();
  for (const part of vary.toLowerCase().split(",")) {
    const name = part.trim();
    if (name === "") continue;
    if (!/^[!#$%&'+.^_`|~0-9a-z-]+$/.test(name)) return undefined;
    names.add(name);
  }
  return names.size > LIMITS.VARY_NAMES_MAX ? undefined : [...names].sort();
}

/** Both lists in one; the second alone where together they are too many. */
export function joinedNames(known: readonly string[], names: readonly string[]): readonly string[] {
  const all = [...new Set([...known, ...names])].sort();
  return all.length > LIMITS.VARY_NAMES_MAX ? names : all;
}

/** The selecting fields of a request as text: equal for requests that may get the same response. */
export function selectingKey(names: readonly string[], headers: Headers): string {
  return names.map((name) => `${name}=${normalised(name, headers.get(name))}`).join("\n");
}

/** Fields that are known for lists, in which white space around commas means nothing. */
const LISTS: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
]);
/** What cannot be anything but a list: to an upstream "(KHTML,like Gecko)" may be another browser than "(KHTML, like Gecko)". */
const PLAIN_LIST = /^[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*$/;

/**
 * A value without what has no meaning: white space around commas, and where the field's definition says so, case (RFC 9110
 * section 12.5.4) and order (12.5.3). An absent field differs from an empty one.
 */
function normalised(name: string, value: string | null): string {
  if (value === null) return "-";
  if (value.includes('"') || !(LISTS.has(name) || PLAIN_LIST.test(value))) return `:${value}`;
  const parts = value.split(",").map((part) => part.trim());
  if (name === "accept-language") return `:${parts.join(",").toLowerCase()}`;
  if (name !== "accept-encoding") return `:${parts.join(",")}`;
  return `:${[...new Set(parts.map((part) => part.toLowerCase()))].sort().join(",")}`;
}
