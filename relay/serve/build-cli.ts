// Bundles the CLI for the published package, since Node strips no types under node_modules: `node relay/serve/build-cli.ts`.
// Dependencies stay outside, and each command is a file of its own, loaded when it is needed.

import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../root.ts";
import { bundle } from "./build.ts";

const CHUNKS = "dist/cli";

const written = await bundle({
  // The relay's threads begin with a file of their own (relay/threads/thread-handle.ts).
  entryPoints: { causeway: "relay/main.ts", "cli/relay-thread": "relay/threads/entry.ts" },
  outdir: "dist",
  chunkNames: "cli/[name]-[hash]",
  format: "esm",
  target: "node22",
  platform: "node",
  packages: "external",
  splitting: true,
  minifySyntax: true,
});
// npm does so when it installs the package, but not where it runs this folder's own (`npx causeway`).
await chmod(join(ROOT, "dist/causeway.js"), 0o755);
const stale = (await readdir(join(ROOT, CHUNKS))).filter(
  (name) => !written.includes(join(ROOT, CHUNKS, name)),
);
await Promise.all(stale.map((name) => rm(join(ROOT, CHUNKS, name))));
