import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addedTo, parseAddress, pathOfTail, staysRelative, tailOf } from "../../../shared/hls/address.ts";
import { ChildResolver, directoryOf } from "../../../shared/hls/resolve.ts";
import { applyEdits } from "../../../shared/hls/rewrite.ts";
import { isPlaylist, scanPlaylist } from "../../../shared/hls/scan.ts";
import { decodePlaylist, encodePlaylist } from "../../../shared/hls/text.ts";
import { substitute } from "../../../shared/hls/variables.ts";
import { HLS_LIMITS } from "../../../shared/limits.ts";

/** Playlists as origins and enemies write them: valid pieces in any order, with noise between. */
const piece = fc.oneof(
  fc.constantFrom(
    "#EXTINF:6,",
    "#EXT-X-TARGETDURATION:6",
    "#EXT-X-ENDLIST",
    '#EXT-X-KEY:METHOD=AES-128,URI="k.key"',
    '#EXT-X-KEY:METHOD=AES-128,URI="unclosed',
    '#EXT-X-MAP:URI=""',
    "#EXT-X-MAP:URI=",
    '#EXT-X-DEFINE:NAME="v",VALUE="x{$v}"',
    '#EXT-X-DEFINE:QUERYPARAM="q",QUERYPARAM="q"',
    '#EXT-X-DATERANGE:X-ASSET-URI="{$v}",X-ASSET-URI="a"',
    "#EXT-X-STREAM-INF:",
    "seg.ts",
    "a/{$v}/b.ts?x={$q}",
    "https://h/x/y.ts",
    "http://[bad/",
    " ",
    "",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const playlistText = fc
  .tuple(
    fc.constantFrom("#EXTM3U", "\ufeff#EXTM3U"),
    fc.array(fc.tuple(fc.constantFrom("\n", "\r\n", "\r", "\n\n"), piece)),
  )
  .map(([head, rest]) => head + rest.flat().join(""));

/** Ordinary segments and all others in file order. */
function allSpans(text: string): { start: number; end: number }[] {
  const { spans, ordinary } = scanPlaylist(text);
  const all: { start: number; end: number }[] = [...spans];
  ordinary.each((start, _name, end) => void all.push({ start, end }));
  return all.sort((a, b) => a.start - b.start);
}

describe("scanPlaylist", () => {
  it("gives back the input byte for byte when nothing is replaced", () => {
    fc.assert(
      fc.property(playlistText, (text) => {
        const { spans } = scanPlaylist(text, { query: "q=1&q=2", imported: new Map() });
        const same = spans.map(({ start, end }) => ({ start, end, text: text.slice(start, end) }));
        expect(applyEdits(text, same)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("gives spans in order, without overlap, within one line", () => {
    fc.assert(
      fc.property(playlistText, (text) => {
        let end = 0;
        for (const span of allSpans(text)) {
          expect(span.start).toBeGreaterThanOrEqual(end);
          expect(span.end).toBeGreaterThan(span.start);
          expect(text.slice(span.start, span.end)).not.toContain("\n");
          end = span.end;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what does not begin with #EXTM3U, and nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        if (isPlaylist(text)) scanPlaylist(text);
        else
          expect(() => scanPlaylist(text)).toThrow(expect.objectContaining({ code: "playlist_malformed" }));
      }),
    );
    for (const text of ["", "#EXTM3", "<html>#EXTM3U", "\n#EXTM3U", "#EXTM3U8", "#extm3u"])
      expect(isPlaylist(text)).toBe(false);
    for (const text of ["#EXTM3U", "\ufeff#EXTM3U\n", '#EXTM3U x-tvg-url="u"'])
      expect(isPlaylist(text)).toBe(true);
  });

  it("finds the facts that caching needs", () => {
    const facts = (lines: string) => {
      const { kind, targetDurationMs, ended, live, fragmented, blocks } = scanPlaylist(`#EXTM3U\n${lines}`);
      return { kind, targetDurationMs, ended, live, fragmented, blocks };
    };
    expect(facts("#EXT-X-TARGETDURATION:6\n#EXTINF:5,\na.ts")).toEqual({
      kind: "media",
      targetDurationMs: 6_000,
      ended: false,
      live: true,
      fragmented: false,
      blocks: false,
    });
    const control = "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0,CAN-BLOCK-RELOAD=";
    expect([facts(`${control}YES`).blocks, facts(`${control}NO`).blocks]).toEqual([true, false]);
    expect(facts("#EXTINF:5,\na.ts\n#EXT-X-ENDLIST")).toMatchObject({ ended: true, live: false });
    expect(facts("#EXT-X-PLAYLIST-TYPE:VOD")).toMatchObject({ ended: true });
    expect(facts("#EXT-X-PLAYLIST-TYPE:EVENT")).toMatchObject({ ended: false });
    expect(facts('#EXT-X-MAP:URI="i.mp4"')).toMatchObject({ fragmented: true });
    expect(facts("#EXT-X-STREAM-INF:A=1\na.m3u8")).toMatchObject({ kind: "master", live: false });
    expect(facts("#EXT-X-TARGETDURATION:-1").targetDurationMs).toBeUndefined();
    expect(facts("#EXT-X-TARGETDURATION:99999").targetDurationMs).toBe(600_000);
  });

  it("takes linear time on hostile input", () => {
    const hostile = `#EXTM3U\n${'#EXT-X-KEY:URI="a,\n'.repeat(100_000)}`;
    const started = performance.now();
    scanPlaylist(hostile);
    scanPlaylist(`#EXTM3U\n${`#EXT-X-KEY:${",=".repeat(500_000)}`}`);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

/** What a server might take for a way out of the sealed directory: see parseAddress. */
const CLIMBING = /(?:^|%2f|%5c)(?:\.|%2e){1,2}(?:%2f|%5c|$)|%00/i;

describe("children", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9 ~.%:?#&=\\/{}ü_-]{1,24}$/);
  const uri = fc.oneof(
    name,
    fc
      .tuple(
        fc.constantFrom(
          "",
          "/",
          "//c.example/",
          "https://c.example/a/",
          "../",
          "./",
          "x/../",
          "http://u:p@h:81/",
        ),
        name,
      )
      .map((parts) => parts.join("")),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
  );
  const BASE = "https://o.example/live/sub/index.m3u8?s=1";
  const plain = ({ href, search }: URL) => {
    const url = href.replace(/#.*$/, "");
    return search === "" ? url.replace(/\?$/, "") : url;
  };

  it("that stay relative lead the edge to the URL that the origin's own client would fetch", () => {
    const relative = fc.stringMatching(/^[A-Za-z0-9~.%b_t/-]{1,12}\.(ts|m4s|key)$/);
    fc.assert(
      fc.property(fc.oneof(relative, uri), (text) => {
        if (!staysRelative(text, "segment")) return;
        const publicUrl = new URL(text, "https://edge.example/proxy/ch_a/sub/v.m3u8");
        const rest = publicUrl.pathname.slice("/proxy/ch_a/".length);
        const address = parseAddress(rest);
        expect(address?.type).toBe("relative");
        if (address?.type !== "relative") return;
        expect(directoryOf("https://o.example/live/index.m3u8") + address.path).toBe(
          new URL(text, BASE).href,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it("that are sealed resolve exactly as the URL standard says", () => {
    const resolver = new ChildResolver(BASE);
    fc.assert(
      fc.property(uri, (text) => {
        const expected = URL.parse(text, BASE);
        const location = resolver.resolve(text);
        if (!expected || !/^https?:$/.test(expected.protocol)) {
          expect(location).toBeUndefined();
          return;
        }
        expect(location).toBeDefined();
        if (!location) return;
        const query = location.query === undefined ? "" : `?${location.query}`;
        expect(location.directory + location.name + query).toBe(plain(expected));
        for (const kind of ["segment", "playlist", "key"] as const) {
          const tail = tailOf(location.name, kind, false);
          const edge = new URL(`https://edge.example/proxy/ch_a/b/ID/${tail}${query}`);
          const address = parseAddress(edge.pathname.slice("/proxy/ch_a/".length));
          if (CLIMBING.test(location.name)) continue;
          expect(address).toEqual({
            type: "sealed",
            id: "ID",
            tail,
            playlist: kind === "playlist",
          });
          expect(pathOfTail(tail, addedTo(location.name, tail))).toBe(location.name);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("have one name however they are spelled, and no way leads out of a sealed directory", () => {
    for (const rest of ["a/b~1.ts", "%61/b~1.ts", "a/b%7e%31.ts", "a%2Fb~1.ts"])
      expect([rest, parseAddress(rest)]).toEqual([
        rest,
        rest.includes("%2F") ? undefined : { type: "relative", path: "a/b~1.ts", playlist: false },
      ]);
    for (const rest of [
      "/1.ts",
      "a//1.ts",
      "b/ID//1.ts",
      "%62/ID/1.ts",
      "t%2Ex/1.ts",
      "%2e%2E/1.ts",
      "a%5C1.ts",
    ])
      expect([rest, parseAddress(rest)]).toEqual([rest, undefined]);
    for (const tail of ["..%2f1.ts", "a%2F%2e.%5c1.ts", "%5c..%5C1.ts", "a%2f..", "..", "%00.ts", "a\\1.ts"])
      expect([tail, parseAddress(`b/ID/${tail}`)]).toEqual([tail, undefined]);
    for (const name of ["%61.ts", "a%2f1.ts", "a%2Fb%5c1.ts"]) {
      expect([name, staysRelative(name, "segment")]).toEqual([name, false]);
      expect(parseAddress(`b/ID/${name}`)).toMatchObject({ type: "sealed", tail: name });
    }
    expect(staysRelative("a%20b/%C3%BC.ts", "segment")).toBe(true);
    expect(parseAddress("b/ID/chunk%7e.ts")).toMatchObject({ tail: "chunk%7e.ts" });
  });

  it("get an extension back off exactly when one was added", () => {
    for (const original of ["a.ts", "a", "a.php", "a~.ts", "a~.ts~.ts", "a%7E.ts", ""]) {
      const tail = tailOf(original, "segment", false);
      expect(pathOfTail(tail, addedTo(original, tail))).toBe(original);
    }
    expect(pathOfTail("chunk%7e.ts", "")).toBe("chunk");
  });

  it("have no extension taken off that nobody added", () => {
    for (const [tail, added] of [
      ["config.yaml~.ts", undefined],
      ["config.yaml~.ts", ""],
      [".htpasswd~.ts", ""],
      ["admin/users~.json", ""],
      ["admin%2Fusers~.json", ""],
      ["a%2Fb~.ts", "a%2Fc"],
    ] as const)
      expect([tail, pathOfTail(tail, added)]).toEqual([tail, undefined]);
    expect(pathOfTail("a%2Fb~.ts", "a%2Fb")).toBe("a%2Fb");
  });
});

describe("substitute", () => {
  it("leaves a URI as it is that variables would make longer than any URL", () => {
    const value = "x".repeat(HLS_LIMITS.SUBSTITUTED_CHARS_MAX / 2);
    const variables = new Map([["v", value]]);
    expect(substitute("{$v}/{$v}", variables)).toBe(`${value}/${value}`);
    expect(substitute("{$v}{$v}{$v}", variables)).toBe("{$v}{$v}{$v}");
  });
});

describe("decodePlaylist", () => {
  it("loses no byte of any input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { text, encoding } = decodePlaylist(bytes);
        expect(encodePlaylist(text, encoding)).toEqual(bytes);
      }),
    );
  });
});
