// The version of this installation, from its package.json.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";

export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  return version;
}
