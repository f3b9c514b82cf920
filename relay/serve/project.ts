// Where the built parts of this installation are, and what wrangler.toml says about the Worker: the one description that
// deployment, `wrangler dev` and the local server share.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import * as v from "valibot";
import { ROOT } from "../root.ts";

/** Built files, below the root. */
export const BUILT = {
  worker: "dist/edge/worker.js",
  page: "dist/page",
} as const;

const Manifest = v.object({
  name: v.string(),
  compatibility_date: v.string(),
  compatibility_flags: v.optional(v.array(v.string()), []),
  vars: v.optional(v.record(v.string(), v.string()), {}),
  assets: v.object({ directory: v.string(), binding: v.string() }),
  durable_objects: v.object({ bindings: v.array(v.object({ name: v.string(), class_name: v.string() })) }),
  r2_buckets: v.optional(v.array(v.object({ binding: v.string(), bucket_name: v.string() })), []),
});

export type WorkerManifest = v.InferOutput<typeof Manifest>;

/** Reads wrangler.toml. */
export function readManifest(): WorkerManifest {
  return v.parse(Manifest, parse(readFileSync(join(ROOT, "wrangler.toml"), "utf8")));
}
