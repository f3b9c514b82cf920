// The data centre's part of the HTTP cache, over the Cache API. Every entry is a plain 200 with a lifetime of our own making
// under an address that nobody can ask for from outside: what the platform thinks of Vary, Age, statuses or cookies never
// comes into play. A cache that fails is an empty one, and not storing loses speed only.

import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { isStoredWhole } from "../../cache/whole.ts";
import { readFacts, type Slot, writeFacts } from "./slot.ts";

const CACHE_NAME = "causeway-http";
const FACTS_HEADER = "X-Causeway-Facts";

/** Where the slot under a key stands in the data centre's cache. */
export function slotAddress(key: string): string {
  return `https://causeway.invalid/http/slot?${encodeURIComponent(key)}`;
}

function bodyAddress(id: string): string {
  return `https://causeway.invalid/http/body?${id}`;
}

/** The slot under a key. */
export async function readSlot(key: string): Promise<Slot | undefined> {
  try {
    const cache = await caches.open(CACHE_NAME);
    const response = await cache.match(slotAddress(key));
    const facts = response?.headers.get(FACTS_HEADER);
    if (!response || !facts) return undefined;
    const body = new Uint8Array(await response.arrayBuffer());
    const slot = readFacts(facts, body);
    if (slot.kind !== "reply") return slot;
    if (slot.bodyId !== undefined) return { ...slot, body: undefined };
    return body.byteLength === slot.length ? slot : undefined;
  } catch {
    return undefined;
  }
}

/** Stores a slot for `keepMs`. Never rejects. */
export async function writeSlot(key: string, slot: Slot, keepMs: number): Promise<void> {
  const facts = writeFacts(slot);
  if (facts === undefined) return;
  const body = slot.kind === "reply" ? (slot.body ?? null) : null;
  await put(slotAddress(key), body, { [FACTS_HEADER]: facts }, keepMs);
}

/** A stored body, or the part of it that `range` names, as a response whose status tells which; undefined: it is gone. */
export async function readBody(id: string, range: string | undefined): Promise<Response | undefined> {
  try {
    const cache = await caches.open(CACHE_NAME);
    const headers = range === undefined ? {} : { Range: range };
    return await cache.match(new Request(bodyAddress(id), { headers }));
  } catch {
    return undefined;
  }
}

/** Stores a body of `length` bytes as it streams; true once all of it is there. Never rejects. */
export async function writeBody(
  id: string,
  body: ReadableStream<Uint8Array>,
  length: number,
  keepMs: number,
): Promise<boolean> {
  const isPut = await put(bodyAddress(id), body, { "Content-Length": String(length) }, keepMs);
  if (!isPut) return false;
  try {
    return await isStoredWhole(await caches.open(CACHE_NAME), bodyAddress(id), length);
  } catch {
    return false;
  }
}

async function put(
  address: string,
  body: ReadableStream<Uint8Array> | Uint8Array | null,
  fields: Record<string, string>,
  keepMs: number,
): Promise<boolean> {
  const keepS = Math.ceil(Math.min(keepMs, LIMITS.KEEP_MS_MAX) / 1_000);
  if (keepS < 1) return false;
  try {
    const cache = await caches.open(CACHE_NAME);
    const headers = {
      ...fields,
      "Cache-Control": `max-age=${keepS}`,
      "Content-Type": "application/octet-stream",
    };
    await cache.put(address, new Response(body as BodyInit | null, { headers }));
    return true;
  } catch {
    // Quotas, a source that broke off and a client that left end here; the reply under way is not affected.
    return false;
  }
}
