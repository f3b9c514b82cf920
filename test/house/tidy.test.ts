// The house rules that no linter knows: which way imports point, how long files get, which names and markers are not
// used, and that every document names only files that exist. Function length and console use are biome's.

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const FILE_LINES_MAX = 300;
/** The catalogue of bounds is one table by design: every bound in one place. */
const CATALOGUES = ["shared/limits.ts"];
const SOURCE_FOLDERS = ["shared", "worker", "relay", "test"];

/** For each folder, the folders of this repository that it may import from. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  shared: ["shared"],
  worker: ["worker", "shared"],
  "worker/dashboard": ["worker/dashboard", "shared"],
  relay: ["relay", "shared"],
  test: ["test", "worker", "worker/dashboard", "relay", "shared"],
};

interface Source {
  readonly path: string;
  readonly text: string;
}

async function sources(): Promise<Source[]> {
  const found = await Promise.all(
    SOURCE_FOLDERS.map(async (folder) => {
      const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".ts"));
      return files.map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
    }),
  );
  return Promise.all(
    found.flat().map(async (path) => ({ path, text: await readFile(join(ROOT, path), "utf8") })),
  );
}

const all = await sources();

/** The area of a path: its top folder, or the dashboard, which is an area of its own. */
function areaOf(path: string): string {
  if (path.startsWith("worker/dashboard/")) return "worker/dashboard";
  return path.slice(0, path.indexOf("/"));
}

function importsOf({ path, text }: Source): string[] {
  const specifiers = text.matchAll(/^\s*(?:import|export)\b[^"';]*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...specifiers]
    .map((match) => match[1] ?? match[2] ?? "")
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => normalize(join(dirname(path), specifier)));
}

describe("the tree", () => {
  it("is found", () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.flatMap(importsOf).length).toBeGreaterThan(300);
  });

  it("has imports that point one way: shared <- worker, relay, dashboard", () => {
    const crossing = all.flatMap((source) =>
      importsOf(source)
        .filter(
          (target) => target.includes("/") && !MAY_IMPORT[areaOf(source.path)]?.includes(areaOf(target)),
        )
        .map((target) => `${source.path} imports ${target}`),
    );
    expect(crossing).toEqual([]);
  });

  it("imports nothing for its side effects alone, which no order of imports shows", () => {
    const silent = all.filter(({ text }) => /^\s*import\s*"/m.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it("has no import cycle", () => {
    const graph = new Map(all.map((source) => [source.path, importsOf(source)]));
    expect(findCycle(graph)).toBeUndefined();
  });

  it(`has no file of more than ${FILE_LINES_MAX} lines`, () => {
    const long = all
      .filter(({ path, text }) => !CATALOGUES.includes(path) && text.split("\n").length > FILE_LINES_MAX + 1)
      .map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it("opens every file with a comment that says what it is", () => {
    const bare = all.filter(({ text }) => !/^(#!.*\n)?(\/\/|\/\*)/.test(text) && !text.startsWith("import"));
    const product = all.filter(
      ({ path, text }) => areaOf(path) !== "test" && !/^(#!.*\n)?(\/\/|\/\*)/.test(text),
    );
    expect([...bare, ...product].map(({ path }) => path)).toEqual([]);
  });

  it("uses no grab-bag names", () => {
    const banned = all.filter(({ path }) => /(^|[/-])(utils?|helpers?|misc|common)(\.ts|\/|-)/.test(path));
    expect(banned.map(({ path }) => path)).toEqual([]);
  });

  it("has no leftover markers, focused or skipped tests", () => {
    const marker = new RegExp(
      ["TO" + "DO", "FIX" + "ME", "X" + "XX", "(?:it|test|describe)\\.(?:only|skip|todo)\\("].join("|"),
    );
    const left = all.filter(({ path, text }) => path !== "test/house/tidy.test.ts" && marker.test(text));
    expect(left.map(({ path }) => path)).toEqual([]);
  });

  it("keeps shared/ free of Node and Workers modules", () => {
    const bound = all.filter(
      ({ path, text }) =>
        areaOf(path) === "shared" && /(?:from\s*|import\s*\(?)"(?:node|cloudflare):/.test(text),
    );
    expect(bound.map(({ path }) => path)).toEqual([]);
  });

  it("leaves process.exit to the CLI's entry", () => {
    const exits = all.filter(({ path, text }) => areaOf(path) === "relay" && /\bprocess\.exit\(/.test(text));
    expect(exits.map(({ path }) => path)).toEqual(["relay/main.ts"]);
  });
});

describe("the documents", () => {
  it("link only to files that exist", async () => {
    const docs = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "docs/BENCHMARKS.md"];
    const dead: string[] = [];
    for (const doc of docs) {
      const text = await readFile(join(ROOT, doc), "utf8");
      for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (link && !/^[a-z]+:/.test(link) && !existsSync(join(ROOT, dirname(doc), link)))
          dead.push(`${doc}: ${link}`);
      }
    }
    expect(dead).toEqual([]);
  });
});

/** A cycle of the import graph as a list of paths, if there is one. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (done.has(path)) return undefined;
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    for (const target of graph.get(path) ?? []) {
      const cycle = visit(target, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}
