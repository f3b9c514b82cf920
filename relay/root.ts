// Where this installation lies: the folder of its package.json. The sources and the published bundle are at different
// depths below it.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Absolute, without a final slash. */
export const ROOT = findRoot(import.meta.dirname);

function findRoot(from: string): string {
  if (existsSync(join(from, "package.json"))) return from;
  const above = dirname(from);
  if (above === from) throw new Error(`Cannot find the package.json of ${import.meta.dirname}`);
  return findRoot(above);
}
