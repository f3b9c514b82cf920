// Where replies are kept: the isolate's memory before the data centre's cache. Knows keys, slots and their lifetimes;
// nothing of requests or of HTTP's rules.

import { joinedNames } from "../../../shared/http/cache/vary.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { ByteLru } from "../../cache/byte-lru.ts";
import { readSlot, writeSlot } from "./edge.ts";
import { type Gone, isYounger, type Stored, type Variants } from "./slot.ts";

/** What a request looks for. */
export interface Sought {
  readonly key: string;
  /** The request's values of those fields, as part of a key; what sets its user or country apart stands in each. */
  readonly selectionOf: (names: readonly string[]) => string;
  /** Its replies never stand under the address itself, where everybody looks: some selection leads to each. */
  readonly isDivided?: boolean;
}

export interface Found {
  readonly stored: Stored;
  readonly tier: "memory" | "edge";
}

/** Where a reply to a request stands, or would stand as far as is known. */
export interface Place {
  /** Its own key: the address's, or one made of the fields that tell its replies apart. */
  readonly key: string;
  /** True when other replies of this address are known. */
  readonly hasVariants: boolean;
  readonly found: Found | undefined;
}

interface Kept {
  readonly slot: Stored | Variants;
  /** When the data centre's cache last had nothing against it. */
  trustedAt: number;
}

/** Where background work of a request is put. */
type Waiter = Pick<ExecutionContext, "waitUntil">;

export class ReplyStore {
  readonly #memory = new ByteLru<Kept>(LIMITS.MEMORY_BYTES);
  /** When addresses were invalidated; small, so that those under way cannot bring back what is gone. */
  readonly #gone = new ByteLru<number>(LIMITS.PASSES_BYTES_MAX);

  /** Looks for a reply, in memory at no cost worth naming, then in the data centre's cache. */
  async find({ key, selectionOf, isDivided }: Sought, now: number): Promise<Place> {
    let slot = await this.#read(key, key, now);
    if (isDivided && slot?.kind !== "variants")
      return { key: `${key}\n${selectionOf([])}`, hasVariants: false, found: undefined };
    if (!slot) return { key, hasVariants: false, found: undefined };
    if (slot.kind === "reply") return { key, hasVariants: false, found: slot };
    const own = variantKey(key, slot.variants, selectionOf);
    slot = await this.#read(own, key, now);
    return { key: own, hasVariants: true, found: slot?.kind === "reply" ? slot : undefined };
  }

  /**
   * Keeps a reply to a request that was sent at `requestedAt`. The place in memory is taken at once, that in the data
   * centre's cache in the background, and not at all where the address was invalidated meanwhile.
   */
  keep(
    sought: Sought,
    { stored, names, requestedAt }: { stored: Stored; names: readonly string[]; requestedAt: number },
    ctx: Waiter,
  ): void {
    if (!this.mayUse(sought.key, requestedAt)) return;
    const known = this.#memory.get(sought.key)?.slot;
    const place = placeFor(sought, names, known);
    this.#remember(sought.key, place, stored);
    ctx.waitUntil(this.#write(sought, { stored, names, requestedAt, place }));
  }

  /** Forgets a reply that is no longer to be used. */
  drop(key: string, ctx: Waiter): void {
    this.invalidate([key], ctx);
  }

  /** From now on nothing that was stored or asked for under these keys before is used, here or in the data centre. */
  invalidate(keys: readonly string[], ctx: Waiter): void {
    const gone: Gone = { kind: "gone", at: Date.now() };
    for (const key of keys) {
      this.#memory.delete(key);
      this.#gone.set(key, gone.at, 0);
      ctx.waitUntil(writeSlot(key, gone, LIMITS.TOMBSTONE_MS));
    }
  }

  /** False for the reply to a request that was sent before its address was invalidated, as far as is known here. */
  mayUse(key: string, requestedAt: number): boolean {
    const goneAt = this.#gone.get(key);
    return goneAt === undefined || requestedAt > goneAt;
  }

  #remember(key: string, place: Placement, stored: Stored): void {
    const trustedAt = Date.now();
    const { variants } = place;
    if (variants) this.#memory.set(key, { slot: variants, trustedAt }, bytesOf(variants));
    this.#memory.set(place.key, { slot: stored, trustedAt }, bytesOf(stored));
  }

  async #write(
    sought: Sought,
    { stored, names, requestedAt, place }: Parameters<ReplyStore["keep"]>[1] & { place: Placement },
  ): Promise<void> {
    const there = await readSlot(sought.key);
    if (there?.kind === "gone" && there.at >= requestedAt) {
      this.#gone.set(sought.key, there.at, 0);
      this.#memory.delete(sought.key);
      return;
    }
    if (!this.mayUse(sought.key, requestedAt)) return;
    let final = place;
    // Another isolate may have made the list already: two lists would hide each other's replies.
    if (there?.kind === "variants" && there.generation !== place.variants?.generation) {
      final = placeFor(sought, names, there);
      this.#remember(sought.key, final, stored);
    }
    const keepMs = keepMsOf(stored, Date.now());
    const isListNew = final.variants && !isSameList(there, final.variants);
    await Promise.all([
      writeSlot(final.key, stored, keepMs),
      final.variants && isListNew ? writeSlot(sought.key, final.variants, LIMITS.KEEP_MS_MAX) : undefined,
    ]);
  }

  async #read(key: string, addressKey: string, now: number): Promise<Reading | undefined> {
    const kept = this.#memory.get(key);
    if (
      kept &&
      (now - kept.trustedAt < LIMITS.MEMORY_TRUST_MS ||
        (await this.#isTrusted(kept, addressKey, { now, isAddress: key === addressKey })))
    )
      return readingOf(kept.slot, "memory");
    if (kept) this.#memory.delete(key);
    const slot = await readSlot(key);
    if (!slot || slot.kind === "gone") return undefined;
    const goneAt = this.#gone.get(addressKey);
    if (goneAt !== undefined && !isYounger(slot, goneAt)) return undefined;
    this.#memory.set(key, { slot, trustedAt: now }, bytesOf(slot));
    return readingOf(slot, "edge");
  }

  /** Asks the data centre's cache whether an entry in memory was invalidated, or replaced, by another isolate. */
  async #isTrusted(
    kept: Kept,
    addressKey: string,
    { now, isAddress }: { now: number; isAddress: boolean },
  ): Promise<boolean> {
    const there = await readSlot(addressKey);
    const { slot } = kept;
    // Nothing may also be what an invalidation has left that was forgotten since.
    if (!there && now - kept.trustedAt >= LIMITS.TOMBSTONE_MS) return false;
    if (there?.kind === "gone" && !isYounger(slot, there.at)) return false;
    if (isAddress && there && there.kind !== "gone" && there.kind !== slot.kind) return false;
    if (there?.kind === "variants" && slot.kind === "variants" && there.generation !== slot.generation)
      return false;
    if (there?.kind === "reply" && slot.kind === "reply" && there.head.storedAt > slot.head.storedAt)
      return false;
    kept.trustedAt = now;
    return true;
  }
}

/** What a slot takes in memory besides its entry. */
function bytesOf(slot: Stored | Variants): number {
  if (slot.kind === "variants") return slot.names.join().length * 2;
  let bytes = slot.body?.byteLength ?? 0;
  for (const [name, value] of slot.head.fields) bytes += (name.length + value.length) * 2;
  return bytes;
}

/** Where a reply goes, and the list of fields that leads there. */
interface Placement {
  readonly key: string;
  readonly variants: Variants | undefined;
}

type Reading =
  | ({ readonly kind: "reply" } & Found)
  | { readonly kind: "variants"; readonly variants: Variants };

function readingOf(slot: Stored | Variants, tier: Found["tier"]): Reading {
  return slot.kind === "reply" ? { kind: "reply", stored: slot, tier } : { kind: "variants", variants: slot };
}

/** The place of a reply that varies by `names`, beside what is known of its address. */
function placeFor(sought: Sought, names: readonly string[], known: Stored | Variants | undefined): Placement {
  const list = known?.kind === "variants" ? known : undefined;
  const joined = list ? joinedNames(list.names, names) : names;
  if (joined.length === 0 && !sought.isDivided) return { key: sought.key, variants: undefined };
  // The same list goes on; with other names the keys are others anyway.
  const generation = list?.generation ?? crypto.randomUUID();
  const variants: Variants = { kind: "variants", names: joined, generation };
  return { key: variantKey(sought.key, variants, sought.selectionOf), variants };
}

function variantKey(
  key: string,
  { names, generation }: Variants,
  selectionOf: Sought["selectionOf"],
): string {
  return `${key}\n${generation}\n${selectionOf(names)}`;
}

function isSameList(there: unknown, list: Variants): boolean {
  const other = there as Variants | undefined;
  return (
    other?.kind === "variants" &&
    other.generation === list.generation &&
    other.names.join() === list.names.join()
  );
}

/** How long a reply may be of use: while it is fresh or may stand in, and, if it can be validated, for long after. */
function keepMsOf({ head }: Stored, now: number): number {
  const { whileRevalidateMs, ifErrorMs, ifUnreachableMs } = head.grace;
  const graceMs = Math.max(whileRevalidateMs, ifErrorMs, ifUnreachableMs);
  const canValidate = head.fields.has("etag") || head.fields.has("last-modified");
  return head.bornAt + head.freshMs - now + Math.max(graceMs, canValidate ? LIMITS.VALIDATION_KEEP_MS : 0);
}
