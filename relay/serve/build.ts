// Builds what the edge serves: the Worker as one module and the dashboard as static files. A function, and a script:
// `node relay/serve/build.ts`, which wrangler runs before it deploys.

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { ROOT } from "../root.ts";
import { BUILT } from "./project.ts";

const WORKER_ENTRY = "worker/index.ts";
const PAGE_SOURCES = "worker/dashboard";
/** Copied to the page as they are. */
const STATIC_FILES = /\.(html|svg|png|ico|webmanifest)$/;
/** Whatever is older than one of these is stale. */
const SOURCES = ["worker", "shared", "package-lock.json", "relay/serve/build.ts"];

/** Builds Worker and page. */
export async function buildEdge(): Promise<void> {
  await Promise.all([buildWorker(), buildPage()]);
}

/** Builds unless everything built is newer than every source. Resolves to whether it built. */
export async function buildEdgeIfStale(): Promise<boolean> {
  // The published package carries the built files only.
  if (!existsSync(join(ROOT, WORKER_ENTRY))) return false;
  const built = [BUILT.worker, `${BUILT.page}/index.html`].map((path) => join(ROOT, path));
  if (built.every((path) => existsSync(path))) {
    const [builtAt, sourcesAt] = await Promise.all([
      Promise.all(built.map(modifiedAt)).then((times) => Math.min(...times)),
      Promise.all(SOURCES.map((path) => newestIn(join(ROOT, path)))).then((times) => Math.max(...times)),
    ]);
    if (builtAt > sourcesAt) return false;
  }
  await buildEdge();
  return true;
}

async function buildWorker(): Promise<void> {
  await bundle({
    entryPoints: [WORKER_ENTRY],
    outfile: BUILT.worker,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    sourcemap: "linked",
    // Line breaks and names stay for stack traces; nobody downloads this file.
    minifySyntax: true,
  });
}

export async function buildPage(): Promise<void> {
  await bundle({
    entryPoints: { app: `${PAGE_SOURCES}/main.ts` },
    outdir: BUILT.page,
    format: "esm",
    target: "es2022",
    platform: "browser",
    minify: true,
    legalComments: "none",
  });
  await bundle({ entryPoints: { app: `${PAGE_SOURCES}/styles.css` }, outdir: BUILT.page, minify: true });
  const names = (await readdir(join(ROOT, PAGE_SOURCES))).filter((name) => STATIC_FILES.test(name));
  for (const name of names) {
    await replaceFile(join(ROOT, BUILT.page, name), await readFile(join(ROOT, PAGE_SOURCES, name)));
  }
  await removeStrangers(join(ROOT, BUILT.page), new Set([...names, "app.js", "app.css"]));
}

/** Resolves to the paths of the files written. */
export async function bundle(options: BuildOptions): Promise<string[]> {
  const result = await build({
    ...options,
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    logLevel: "error",
  });
  for (const file of result.outputFiles) await replaceFile(file.path, file.contents);
  return result.outputFiles.map(({ path }) => path);
}

/** Two builds at once, or one beside a running server, must never leave a half-written file to be read. */
async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, contents);
  await rename(draft, path);
}

/** Files of earlier builds must not be served for ever. */
async function removeStrangers(directory: string, expected: ReadonlySet<string>): Promise<void> {
  const strangers = (await readdir(directory)).filter(
    (name) => !expected.has(name) && !name.endsWith(".draft"),
  );
  await Promise.all(strangers.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

async function modifiedAt(path: string): Promise<number> {
  return (await stat(path)).mtimeMs;
}

async function newestIn(path: string): Promise<number> {
  const entry = await stat(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  const names = await readdir(path);
  return Math.max(entry.mtimeMs, ...(await Promise.all(names.map((name) => newestIn(join(path, name))))));
}

if (import.meta.main) await buildEdge();
