// Tells the imports object that there is a newer configuration. It would learn by itself with its next alarm, but without
// imports it has none.

import { sharedCache } from "../directory/cache.ts";
import type { Env } from "../env.ts";

const CACHE_KEY = "lists-epoch";
/** Isolates of one data centre tell it once in this time, not each when it starts. */
const TOLD_TTL_S = 300;

/** After a push: at once. Never rejects: whoever loads the configuration next tells it again. */
export async function tellLists(env: Env, epoch: number): Promise<void> {
  try {
    await env.IMPORTS.getByName("root").follow(epoch);
    await sharedCache(env).write(CACHE_KEY, epoch, TOLD_TTL_S);
  } catch {
    // The push itself has succeeded.
  }
}

/** After loading a configuration with imports or guides: in case that whoever pushed it could not tell. */
export async function confirmLists(env: Env, epoch: number): Promise<void> {
  const told = await sharedCache(env).read(CACHE_KEY);
  if (typeof told !== "number" || told < epoch) await tellLists(env, epoch);
}
