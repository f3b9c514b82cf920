// Which cryptographic library this process uses: the fastest one that loads.

import { nodePrimitives } from "./node-primitives.ts";
import type { Primitives } from "./primitives.ts";
import { loadSodiumPrimitives } from "./sodium-primitives.ts";

let chosen: Primitives | undefined;

/** libsodium where it has a binary for this machine, otherwise node:crypto; the same one for the life of the process. */
export function choosePrimitives(): Primitives {
  chosen ??= loadSodiumPrimitives() ?? nodePrimitives;
  return chosen;
}
