// Which directives of a response a cache in front of the upstream obeys: those aimed at such caches, if there are any,
// else Cache-Control (RFC 9213). Pure.

import { type Directives, listElements, parseDirectives } from "./directives.ts";

/** Under this name the cache announces itself to upstreams, and is addressed by them in Surrogate-Control. */
export const SURROGATE_NAME = "causeway";

/** Value of Surrogate-Capability on requests to upstreams of cached hosts (W3C Note edge-arch section 2.2). */
export const SURROGATE_CAPABILITY = `${SURROGATE_NAME}="Surrogate/1.0"`;

export interface Control {
  readonly directives: Directives;
  /** They were aimed at this kind of cache: Expires and Cache-Control do not count beside them (RFC 9213 section 2.1). */
  readonly targeted: boolean;
}

/** The directives that hold for a response. */
export function controlOf(headers: Headers): Control {
  const targeted = parseDirectives(headers.get("cdn-cache-control"));
  if (targeted.size > 0) return { directives: targeted, targeted: true };
  const surrogate = headers.get("surrogate-control");
  if (surrogate !== null) {
    const directives = surrogateDirectives(surrogate);
    if (directives.has("max-age") || directives.has("no-store")) return { directives, targeted: true };
  }
  return { directives: parseDirectives(headers.get("cache-control")), targeted: false };
}

/**
 * Directives of Surrogate-Control that are for everyone or for this cache: "max-age=60;causeway" names it. The form
 * "max-age=60+30" adds 30 seconds in which the stale reply may be used.
 */
function surrogateDirectives(text: string): Directives {
  const mine: string[] = [];
  for (const element of listElements(text)) {
    const [directive = "", ...targets] = element.split(";").map((part) => part.trim());
    if (targets.length > 0 && !targets.includes(SURROGATE_NAME)) continue;
    const extended = /^(max-age=\d+)\+(\d+)$/i.exec(directive);
    if (extended) mine.push(extended[1] ?? "", `stale-while-revalidate=${extended[2]}`);
    else mine.push(directive);
  }
  return parseDirectives(mine.join(","));
}
