// What stands under a key: a stored reply, the list of fields that tell the replies of an address apart, or the mark that
// its replies were invalidated. And how each is written into the platform's cache, which knows nothing but plain replies.

import type { Head } from "../../../shared/http/cache/entry.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";

/** A stored reply. */
export interface Stored {
  readonly kind: "reply";
  readonly head: Head;
  /** Bytes of the body. */
  readonly length: number;
  /** All of it, where it is small enough. */
  readonly body: Uint8Array | undefined;
  /** Where else it lies: its place in the data centre's cache. */
  readonly bodyId: string | undefined;
}

/** Replies of this address stand under keys of their own, by the fields that their Vary named. */
export interface Variants {
  readonly kind: "variants";
  readonly names: readonly string[];
  /** Part of those keys: once the list is gone nothing leads to them any more. */
  readonly generation: string;
}

/** Whatever was stored or asked for up to then is not to be used. */
export interface Gone {
  readonly kind: "gone";
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export type Slot = Stored | Variants | Gone;

/** A slot without its body. */
type Facts =
  | {
      readonly kind: "reply";
      readonly head: Omit<Head, "fields"> & { readonly fields: readonly (readonly [string, string])[] };
      readonly length: number;
      readonly bodyId?: string | undefined;
    }
  | Variants
  | Gone;

/** The slot without its body as the value of a header field; undefined when it does not fit into one. */
export function writeFacts(slot: Slot): string | undefined {
  const facts: Facts =
    slot.kind === "reply"
      ? {
          kind: "reply",
          head: { ...slot.head, fields: [...slot.head.fields] },
          length: slot.length,
          bodyId: slot.bodyId,
        }
      : slot;
  // Field values hold bytes beyond ASCII; JSON can do without them.
  const text = JSON.stringify(facts).replace(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  // What the runtime could not read as UTF-8 would come back as something else.
  return text.length > LIMITS.HEAD_CHARS_MAX || text.includes("\\ufffd") ? undefined : text;
}

/** The other way round; `body` is put in where there is one. @throws whatever a text that was not written here makes it */
export function readFacts(text: string, body: Uint8Array | undefined): Slot {
  const facts = JSON.parse(text) as Facts;
  if (facts.kind !== "reply") return facts;
  const { head, length, bodyId } = facts;
  const fields = new Headers(head.fields.map(([name, value]): [string, string] => [name, value]));
  return { kind: "reply", head: { ...head, fields }, length, body, bodyId };
}

/** True when a reply may still be used although its address was invalidated at `at`. */
export function isYounger(slot: Slot, at: number | undefined): boolean {
  return at === undefined || (slot.kind === "reply" && slot.head.storedAt > at);
}
