// What isolates of one data centre share about the configuration, through the Cache API. A cache that fails or forgets
// costs calls to the object, never correctness.

import type { Env } from "../env.ts";

/** A part of the shared cache; keys hold the directory's id, so deployments in one zone never mix. */
export interface SharedCache {
  read(key: string): Promise<unknown>;
  write(key: string, value: unknown, ttlS: number): Promise<void>;
  remove(key: string): Promise<void>;
}

export function sharedCache(env: Pick<Env, "DIRECTORY">): SharedCache {
  const base = `https://${env.DIRECTORY.idFromName("root").toString()}.causeway-config/`;
  return {
    read: (key) => quietly(() => read(base + key)),
    write: (key, value, ttlS) => quietly(() => write(base + key, value, ttlS)),
    remove: (key) => quietly(() => remove(base + key)),
  };
}

async function quietly<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch {
    // The Cache API has no errors worth telling apart here: every reader has another way.
    return undefined;
  }
}

async function read(url: string): Promise<unknown> {
  const response = await (await caches.open("causeway-config")).match(url);
  return response?.json();
}

async function write(url: string, value: unknown, ttlS: number): Promise<void> {
  const headers = { "Cache-Control": `public, max-age=${ttlS}` };
  await (await caches.open("causeway-config")).put(url, Response.json(value, { headers }));
}

async function remove(url: string): Promise<void> {
  await (await caches.open("causeway-config")).delete(url);
}
