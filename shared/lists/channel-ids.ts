// Ids of imported channels: the same for the same channel in every refresh and every deployment, readable where the name
// is, and telling which import they are from. Pure.

import { hash32 } from "../net/hash.ts";

const SLUG_CHARS_MAX = 24;

/** What tells one entry of a list from the others, the best first. */
export interface EntryIdentity {
  readonly name: string;
  readonly tvgId: string;
  readonly group: string;
  readonly url: string;
}

/** Gives ids to the entries of one list, in its order. */
export class ChannelIds {
  readonly #prefix: string;
  /** 32-bit hashes: isolates tell channels apart by them. */
  readonly #taken = new Set<number>();
  /** Where to go on counting entries that nothing tells apart: a list of nothing else would take the square of its length. */
  readonly #counts = new Map<string, number>();

  /** `name`: the import's. */
  constructor(name: string) {
    this.#prefix = prefixOf(name);
  }

  /**
   * The entry's id. Name and guide id make it, because addresses carry tokens that change; where these repeat, the group,
   * then the last part of the address, then the order does.
   */
  next({ name, tvgId, group, url }: EntryIdentity): string {
    const slug = slugOf(name);
    const keys = [
      [name, tvgId],
      [name, tvgId, group],
      [name, tvgId, group, lastPart(url)],
    ];
    const whole = JSON.stringify(keys.at(-1));
    for (let n = this.#counts.get(whole) ?? 0; ; n++) {
      const key = keys[n] ?? [...(keys.at(-1) ?? []), String(n)];
      const hash = hash32(JSON.stringify(key)).toString(36).padStart(7, "0");
      const id = `${this.#prefix}${slug === "" ? "" : `${slug}-`}${hash}`;
      const place = hash32(id);
      if (this.#taken.has(place)) continue;
      this.#taken.add(place);
      if (n >= keys.length - 1) this.#counts.set(whole, n + 1);
      return id;
    }
  }
}

/** The import that a channel's id says it is from; undefined for an id that no import makes. */
export function importOf(id: string): string | undefined {
  return /^ch_([A-Za-z0-9-]{1,20})_[a-z0-9-]{7,32}$/.exec(id)?.[1];
}

function prefixOf(name: string): string {
  return `ch_${name}_`;
}

function slugOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replaceAll(/\p{M}+/gu, "")
    .toLowerCase();
  return plain
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, SLUG_CHARS_MAX)
    .replaceAll(/^-|-$/g, "");
}

/** The last part of a path without its extension: what providers number their streams by. */
function lastPart(url: string): string {
  const path = url.split(/[?|#]/, 1)[0] ?? "";
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.[a-z0-9]{1,5}$/i, "");
}
