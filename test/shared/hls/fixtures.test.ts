// Whole files as origins send them, and as viewers get them: `NAME.m3u8` and `NAME.expected.m3u8`. Documents
// are kept as .json.txt, because no formatter may touch their blanks.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Children } from "../../../shared/hls/children.ts";
import { rewriteDocument } from "../../../shared/hls/document.ts";
import type { DocumentKind } from "../../../shared/hls/tags.ts";
import { READABLE, rewrite } from "./rewrite-playlist.ts";

const FOLDER = join(import.meta.dirname, "fixtures");
const URL_ = "https://origin.example/live/account/index.m3u8?s=1";
const ROOT = "https://edge.example/proxy/ch_a/";

const names = (await readdir(FOLDER)).filter((name) => !name.includes(".expected."));
const playlists = names.filter((name) => name.endsWith(".m3u8"));
const read = (name: string) => readFile(join(FOLDER, name), "utf8");
const expectedOf = (name: string) => read(name.replace(".", ".expected."));

describe("whole playlists", () => {
  it.each(playlists)("%s", async (name) => {
    const sources = { query: "s=1", imported: new Map<string, string>() };
    const got = await rewrite(await read(name), { url: URL_, root: ROOT, sources });
    expect(got).toBe(await expectedOf(name));
  });

  it.each(playlists)("%s shows nothing of the origin where relative children may not stay", async (name) => {
    const seals = { place: async () => "ID", query: async () => "QUERY", document: async () => "ID" };
    const text = await rewrite(await read(name), { url: URL_, root: ROOT, mirrored: false, seals });
    const shown = text.replace(/^##.*$|X-COM-EXAMPLE-BEACON="[^"]*"/gm, "");
    expect(shown).not.toMatch(/origin\.example|cdn-b\.example|ads\.example|secret|account|session=/);
  });
});

describe("whole documents", () => {
  const kinds: readonly (readonly [string, DocumentKind])[] = [
    ["asset-list.json.txt", "assets"],
    ["steering.json.txt", "steering"],
  ];

  it.each(kinds)("%s", async (name, kind) => {
    const scope = {
      base: URL_,
      encoding: "utf-8",
      fragmented: false,
      mirrored: false,
      bound: false,
      hideQuery: true,
    } as const;
    const children = new Children({ ...scope, rest: "b/ID/~.assets", root: ROOT }, READABLE);
    const got = await rewriteDocument(await read(name), children, {
      kind,
      host: "edge.example",
      sealReplacement: async (replacement) => `[${JSON.stringify(replacement)}]`,
    });
    expect(got).toBe(await expectedOf(name));
  });
});
