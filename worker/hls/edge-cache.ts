// Bodies in the Cache API: shared by the isolates of a data centre. Keys are synthetic addresses that nobody can ask for
// from outside. The platform stores neither 206 nor a reply's age, so ranges are stored as 200 and the facts beside them.

import { isStoredWhole } from "../cache/whole.ts";
import type { Facts } from "./resource.ts";

const CACHE_NAME = "causeway";
const FACTS_HEADER = "X-Causeway-Facts";

function address(kind: string, key: string): string {
  return `https://causeway.invalid/hls/${kind}?${encodeURIComponent(key)}`;
}

export interface EdgeEntry {
  readonly facts: Facts;
  readonly response: Response;
}

/**
 * The entry under `key`, its body unread; with `range` that part of it, by status 206, if the platform can cut it out.
 * A cache that fails is an empty one.
 */
export async function readEdge(
  kind: "segment" | "playlist",
  key: string,
  range?: string,
): Promise<EdgeEntry | undefined> {
  try {
    const cache = await caches.open(CACHE_NAME);
    const headers = range === undefined ? {} : { Range: range };
    const response = await cache.match(new Request(address(kind, key), { headers }));
    const facts = response?.headers.get(FACTS_HEADER);
    if (!response || !facts) return undefined;
    return { facts: JSON.parse(decodeURIComponent(facts)) as Facts, response };
  } catch {
    return undefined;
  }
}

/** Stores a body for as long as `keepMs`, counted from now. Never rejects; false: it is not there, or not surely whole. */
export async function writeEdge(
  kind: "segment" | "playlist",
  key: string,
  entry: {
    facts: Facts;
    body: Uint8Array | ReadableStream<Uint8Array>;
    length: number | undefined;
    keepMs: number;
  },
): Promise<boolean> {
  const keepS = Math.ceil(entry.keepMs / 1_000);
  if (keepS < 1) return false;
  try {
    const cache = await caches.open(CACHE_NAME);
    const headers = new Headers({
      "Cache-Control": `max-age=${keepS}`,
      "Content-Type": "application/octet-stream",
      [FACTS_HEADER]: encodeURIComponent(JSON.stringify(entry.facts)),
    });
    if (entry.length !== undefined) headers.set("Content-Length", String(entry.length));
    await cache.put(address(kind, key), new Response(entry.body as BodyInit, { headers }));
    if (!(entry.body instanceof ReadableStream) || entry.length === undefined) return true;
    return await isStoredWhole(cache, address(kind, key), entry.length);
  } catch {
    // Quotas and a client that left mid-body end here; the viewer's reply is not affected.
    return false;
  }
}
