// Where the redirects of a playlist led, for as long as that works. An origin that spreads its viewers over machines by
// redirects would otherwise answer every reload from another one, with other children and another sequence of segments.

import { filterQuery, joinQueries } from "../../shared/hls/query.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";

/** Queries that players add by themselves: low-latency reloads, content steering, interstitials. */
export const DIRECTIVES: ReadonlySet<string> = new Set([
  "_HLS_msn",
  "_HLS_part",
  "_HLS_skip",
  "_HLS_pathway",
  "_HLS_throughput",
  "_HLS_primary_id",
  "_HLS_start_offset",
]);

/** A URL cut into what stays the same from reload to reload, and the directives of this one. */
function cut(url: string): readonly [plain: string, directives: string] {
  const mark = url.indexOf("?");
  if (mark < 0 || !url.includes("_HLS_")) return [url, ""];
  const query = url.slice(mark + 1);
  const rest = filterQuery(query, (name) => !DIRECTIVES.has(name));
  const plain = rest === "" ? url.slice(0, mark) : `${url.slice(0, mark)}?${rest}`;
  return [plain, filterQuery(query, (name) => DIRECTIVES.has(name))];
}

/** `url` with a query behind its own. */
export function withQuery(url: string, query: string): string {
  const mark = url.indexOf("?");
  if (query === "") return url;
  return mark < 0 ? `${url}?${query}` : `${url.slice(0, mark)}?${joinQueries(url.slice(mark + 1), query)}`;
}

/** One per isolate. `owner` is whatever else tells two playlists of one URL apart. */
export class Pins {
  readonly #targets = new Map<string, string>();

  /** Where to ask for `url` instead. */
  get(owner: string, url: string): string | undefined {
    const [plain, directives] = cut(url);
    const target = this.#targets.get(`${owner} ${plain}`);
    return target === undefined ? undefined : withQuery(target, directives);
  }

  /** Redirects of `url` led to `target`. */
  set(owner: string, url: string, target: string): void {
    this.delete(owner, url);
    this.#targets.set(`${owner} ${cut(url)[0]}`, cut(target)[0]);
    const [oldest] = this.#targets.keys();
    if (oldest !== undefined && this.#targets.size > HLS_LIMITS.PINS_MAX) this.#targets.delete(oldest);
  }

  delete(owner: string, url: string): void {
    this.#targets.delete(`${owner} ${cut(url)[0]}`);
  }
}
