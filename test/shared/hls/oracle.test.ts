// What players' own parsers make of a playlist before and after: each URI that it finds in the rewritten one has to lead
// the proxy to what the URI in the origin's one means.

import fc from "fast-check";
import { M3U8Parser } from "hls.js";
import { Parser } from "m3u8-parser";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../shared/hls/address.ts";
import { fetched, REVERSIBLE, ROOT, SOURCE, sealedPath, sent } from "./reversible.ts";
import { rewrite } from "./rewrite-playlist.ts";

type Found = [what: string, url: string][];

/** Every URI that hls.js finds, as it resolves it; undefined when it takes the text for broken. */
function hlsJs(text: string, base: string): Found | undefined {
  const urls: Found = [];
  const add = (what: string, uri: string | null | undefined) => {
    if (uri) urls.push([what, URL.parse(uri, base)?.href ?? uri]);
  };
  if (!M3U8Parser.isMediaPlaylist(text)) {
    const master = M3U8Parser.parseMasterPlaylist(text, base);
    if (master.playlistParsingError) return undefined;
    for (const level of [...master.levels, ...master.iframeVariants]) add("variant", level.url);
    for (const data of Object.values(master.sessionData ?? {})) add("data", data.URI);
    for (const key of master.sessionKeys ?? []) add("key", key.uri);
    add("steering", master.contentSteering?.uri);
    const media = M3U8Parser.parseMasterPlaylistMedia(text, base, master);
    for (const one of Object.values(media).flat()) add("rendition", one?.url);
    return urls;
  }
  const type = "main" as Parameters<typeof M3U8Parser.parseLevelPlaylist>[3];
  const level = M3U8Parser.parseLevelPlaylist(text, base, 0, type, 0, { p: "parent" });
  if (level.playlistParsingError) return undefined;
  for (const fragment of level.fragments) {
    add("segment", fragment.url);
    add("map", fragment.initSegment?.url);
    for (const key of Object.values(fragment.levelkeys ?? {})) add("key", key?.uri);
  }
  for (const part of level.partList ?? []) add("part", part.url);
  add("hint", level.preloadHint?.URI);
  for (const report of level.renditionReports ?? []) add("report", report.URI);
  for (const range of Object.values(level.dateRanges)) {
    add("asset", range?.attr["X-ASSET-URI"]);
    add("assets", range?.attr["X-ASSET-LIST"]);
  }
  return urls;
}

/** Every URI that m3u8-parser finds, resolved. */
function m3u8Parser(text: string, base: string): Found {
  const parser = new Parser({ uri: base, mainDefinitions: { p: "parent" } });
  parser.push(text);
  parser.end();
  const { manifest } = parser;
  const urls: Found = [];
  const add = (what: string, places: readonly ({ readonly uri?: string } | undefined)[]) => {
    for (const place of places)
      if (place?.uri) urls.push([what, URL.parse(place.uri, base)?.href ?? place.uri]);
  };
  for (const segment of [...(manifest.segments ?? []), manifest.preloadSegment]) {
    add("segment", [segment]);
    add("map", [segment?.map]);
    add("key", [segment?.key]);
    add("part", segment?.parts ?? []);
    add("hint", segment?.preloadHints ?? []);
  }
  add("variant", [...(manifest.playlists ?? []), ...(manifest.iFramePlaylists ?? [])]);
  add("report", manifest.renditionReports ?? []);
  const { serverUri } = manifest.contentSteering ?? {};
  if (serverUri !== undefined) add("steering", [{ uri: serverUri }]);
  const groups = Object.values(manifest.mediaGroups ?? {}).flatMap((group) => Object.values(group));
  for (const group of groups) add("rendition", Object.values(group));
  return urls;
}

type Oracle = typeof hlsJs;

const name = fc.stringMatching(/^[A-Za-z0-9 ~.%:&=ü_,@!-]{1,12}$/);
const extension = fc.constantFrom("", ".ts", ".m4s", ".mp4", ".m3u8", ".key", ".php", ".TS", "~.ts");
const head = fc.constantFrom(
  "",
  "",
  "a/",
  "a/b.1/",
  "/",
  "/x/",
  "../",
  "../../../",
  "./",
  "x/../",
  "b/",
  "t.x/",
  "stream.m3u8/",
  "//c.example/d/",
  "https://c.example/d/",
  "https://d.example/",
  "http://u:p@h.example:81/e/",
  "{$h}/",
  "{$zz}/",
);
const query = fc.constantFrom("", "", "?", "?a=1&b=%2F", "?a={$v}", "?x=https://y/z.ts", "#f", "?a#f");
const anyUri = fc.oneof(
  fc.tuple(head, name, extension, query).map((parts) => parts.join("").trim()),
  fc.constantFrom(
    "b",
    "stream.ts",
    "stream.m3u8",
    "t.x.ts",
    "seg1.ts",
    "skd://key",
    "data:,x",
    "?n=1",
    "index.m3u8",
  ),
  fc.webUrl({ withQueryParameters: true }),
);
/** Without semicolons, after which hls.js sees parameters as RFC 1808 did, unlike every fetch. */
const uri = anyUri.filter((text) => !text.includes(";"));
const attribute = uri.map((text) => text.replaceAll('"', ""));
const line = (pattern: string) => attribute.map((text) => pattern.replace("*", () => text));

const DEFINE = '#EXT-X-DEFINE:NAME="h",VALUE="https://v.example/w"\n#EXT-X-DEFINE:NAME="v",VALUE="1&2"\n';
const media = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: uri.map((text) => `#EXTINF:2,\n${text}`) },
      { weight: 1, arbitrary: uri.map((text) => `#EXTINF:2,\n#EXT-X-BYTERANGE:9@9\n# note\n${text}`) },
      line('#EXT-X-KEY:METHOD=AES-128,URI="*",IV=0x00000000000000000000000000000001'),
      line('#EXT-X-MAP:URI="*"'),
      line('#EXT-X-PART:DURATION=1,URI="*"'),
      line('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="*"'),
      line('#EXT-X-RENDITION-REPORT:URI="*",LAST-MSN=1'),
      line(
        '#EXT-X-DATERANGE:ID="1",CLASS="com.apple.hls.interstitial",START-DATE="2030-01-01T00:00:00Z",X-ASSET-URI="*"',
      ),
      line(
        '#EXT-X-DATERANGE:ID="2",CLASS="com.apple.hls.interstitial",START-DATE="2030-01-01T00:00:00Z",X-ASSET-LIST="*"',
      ),
      fc.constant('#EXT-X-DEFINE:QUERYPARAM="s"\n#EXTINF:2,\nq{$s}.ts'),
      fc.constant('#EXT-X-DEFINE:IMPORT="p"\n#EXTINF:2,\n{$p}/1.ts'),
    ),
    { maxLength: 12 },
  )
  .map((lines) => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n${DEFINE}${lines.join("\n")}\n`);
const master = fc
  .tuple(
    fc.constantFrom("", DEFINE),
    fc.array(
      fc.oneof(
        uri.map((text) => `#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f"\n${text}`),
        line('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="*"'),
        line('#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="s",URI="*"'),
        line('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f",URI="*"'),
        line('#EXT-X-SESSION-DATA:DATA-ID="d",URI="*"'),
        line('#EXT-X-SESSION-KEY:METHOD=AES-128,URI="*"'),
        line('#EXT-X-CONTENT-STEERING:SERVER-URI="*",PATHWAY-ID="x"'),
      ),
      { minLength: 1, maxLength: 8 },
    ),
  )
  .map(([define, lines]) => `#EXTM3U\n${define}${lines.join("\n")}\n`);

interface Where {
  readonly url: string;
  readonly rest: string;
  readonly mirrored: boolean;
}

const PLACES: readonly Where[] = [
  { url: SOURCE, rest: "stream.m3u8", mirrored: true },
  { url: "https://o.example/live/sub/deep/v.m3u8?s=1", rest: "sub/deep/v.m3u8", mirrored: true },
  {
    url: "https://o.example/else/v.m3u8?s=1",
    rest: sealedPath("https://o.example/else/v.m3u8"),
    mirrored: true,
  },
  { url: "https://moved.example/m/v.m3u8?s=1", rest: "stream.m3u8", mirrored: false },
];

/** Ways out of a directory in disguise are refused: see parseAddress. */
const DISGUISED =
  /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:%2f|%5c|$)|(?:%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)|%00/i;

async function check(found: Oracle, text: string, { url, rest, mirrored }: Where): Promise<void> {
  const before = found(text, url);
  if (!before) return;
  const sources = { query: "s=1", imported: new Map([["p", "parent"]]) };
  const rewritten = await rewrite(text, { url, rest, mirrored, root: ROOT, seals: REVERSIBLE, sources });
  const after = found(rewritten, ROOT + rest);
  expect(after?.map(([what]) => what)).toEqual(before.map(([what]) => what));
  for (const [i, [what, original]] of before.entries()) {
    const shown = after?.[i]?.[1] ?? "";
    if (!/^https?:/.test(original)) expect(shown).toBe(original);
    else if (!DISGUISED.test(new URL(original).pathname))
      expect([what, original, sent(fetched(shown) ?? shown)]).toEqual([what, original, sent(original)]);
  }
}

describe.each([
  ["hls.js", hlsJs],
  ["m3u8-parser", m3u8Parser],
] as const)("what %s finds in a rewritten playlist", (_name, found) => {
  it.each(PLACES.map((place) => [place.rest, place] as const))(
    "leads to the same at %s",
    async (_rest, place) => {
      expect(found(`#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n1.ts\n`, SOURCE)).toHaveLength(1);
      await fc.assert(
        fc.asyncProperty(fc.oneof(media, master), (text) => check(found, text, place)),
        { numRuns: 600 },
      );
    },
  );

  it("is asked for under an extension that players take", async () => {
    await fc.assert(
      fc.asyncProperty(media, async (text) => {
        const rewritten = await rewrite(text, { url: SOURCE, root: ROOT, seals: REVERSIBLE });
        for (const [what, url] of found(rewritten, `${ROOT}stream.m3u8`) ?? []) {
          if (!url.startsWith(ROOT) || what === "assets") continue;
          const rest = new URL(url).pathname.slice(new URL(ROOT).pathname.length);
          if (DISGUISED.test(`/${rest}`)) continue;
          expect([what, parseAddress(rest)?.type]).not.toEqual([what, undefined]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
