// Rules that hold for whole playlists: where children lie, and that the quick way through a playlist changes nothing.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rewrite } from "./rewrite-playlist.ts";

const URL_ = "https://o.example/live/index.m3u8?s=1";
const HOME = "b/[https://o.example/live/]";
const MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n";
const MASTER = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";

describe("children", () => {
  const media = (uri: string) => `${MEDIA}#EXTINF:6,\n${uri}\n`;

  it("of a channel with several sources, or of a redirected playlist, never stay", async () => {
    for (const uri of ["s.ts", "a/s.ts"]) {
      const folder = uri.slice(0, -4);
      const expected = media(`b/[https://o.example/live/${folder}]/s.ts`);
      expect(await rewrite(media(uri), { url: URL_, mirrored: false })).toBe(expected);
    }
  });

  it("are reached from where their playlist lies", async () => {
    expect(await rewrite(media("/s.ts"), { url: URL_, rest: "a/b/v.m3u8" })).toBe(
      media("../../b/[https://o.example/]/s.ts"),
    );
  });

  it("of a master with variables carry them", async () => {
    const define = '#EXT-X-DEFINE:NAME="v",VALUE="1"\n';
    const master = `${MASTER}${define}#EXT-X-MEDIA:TYPE=AUDIO,URI="a.m3u8"\n`;
    expect(await rewrite(master, { url: URL_ })).toBe(
      `${MASTER.replace("v.m3u8", `${HOME}{v=1}/v.m3u8`)}${define}#EXT-X-MEDIA:TYPE=AUDIO,URI="${HOME}{v=1}/a.m3u8"\n`,
    );
  });

  it("that another source may offer, too, are sealed whole", async () => {
    const master = MASTER.replace("v.m3u8", "v.m3u8?t=1");
    expect(await rewrite(master, { url: URL_, mirrored: false, offers: true })).toBe(
      MASTER.replace("v.m3u8", "b/[https://o.example/live/v.m3u8?t=1 VARIANT]/v.m3u8"),
    );
  });

  it("show their queries where these are not hidden", async () => {
    expect(await rewrite(media("s.ts?a=%2F&b"), { url: URL_, hideQuery: false })).toBe(
      media(`${HOME}/s.ts?a=%2F&b`),
    );
  });

  it("in an old encoding are spelled in bytes", async () => {
    expect(await rewrite(media("\u00fc/s.ts"), { url: URL_, encoding: "bytes" })).toBe(
      media("b/[https://o.example/live/%FC/]/s.ts"),
    );
  });
});

describe("ordinary segments", () => {
  const part = fc.stringMatching(/^[A-Za-z0-9 ~.%:?#{$}"/\\_=-]{0,10}$/);
  const uri = fc.oneof(
    fc.tuple(
      fc.constantFrom(
        "",
        "a/",
        "https://c.example/",
        "//",
        "https://",
        "/",
        "b/",
        "stream.",
        "t.",
        "\\/",
        "data:a/",
        "http:/",
        "https:a/",
        "c:/",
      ),
      part,
      fc.constantFrom("", ".ts", ".m4s", ".TS", "~.ts", ".php", "/.ts", ".ts "),
    ),
    fc.tuple(fc.webUrl(), fc.constant("/s.ts"), fc.constant("")),
  );
  const uris = fc.array(
    uri.map((parts) => parts.join("")).filter((text) => text.trim() !== "" && !text.trim().startsWith("#")),
    { minLength: 1 },
  );

  it("come out as any other segment does", async () => {
    const build = (lines: readonly string[], between: string) =>
      MEDIA + lines.map((line) => `#EXTINF:2,\n${between}${line}\n`).join("");
    await fc.assert(
      fc.asyncProperty(uris, fc.boolean(), async (lines, mirrored) => {
        const quick = await rewrite(build(lines, ""), { url: URL_, mirrored });
        const slow = await rewrite(build(lines, "#between\n"), { url: URL_, mirrored });
        expect(quick).toBe(slow.replaceAll("#between\n", ""));
      }),
      { numRuns: 1_000 },
    );
  });

  it("come out alike however many there are in however many places", async () => {
    const places = Array.from({ length: 12 }, (_, i) => `https://c${i}.example/x+(${i})/`);
    const names = Array.from({ length: 6_000 }, (_, i) => `${places[(i * i) % 12]}s${i}.ts`);
    const text = MEDIA + names.map((name) => `#EXTINF:2,\n${name}\n`).join("");
    const expected =
      MEDIA + names.map((name) => `#EXTINF:2,\n${name.replace(/^(.*\/)/, "b/[$1]/")}\n`).join("");
    expect(await rewrite(text, { url: URL_ })).toBe(expected);
  });
});

describe("line ends", () => {
  it("are LF and CRLF only", async () => {
    for (const odd of ["\r", "\u2028", "\u0085", "\v"]) {
      const text = `${MEDIA}#EXTINF:6,a${odd}/b.ts\n/s.ts\n`;
      expect(await rewrite(text, { url: URL_ })).toBe(
        text.replace("\n/s.ts", "\nb/[https://o.example/]/s.ts"),
      );
    }
  });
});

describe("RENDITION-REPORT", () => {
  const report = (uri: string) => `${MEDIA}#EXT-X-RENDITION-REPORT:URI="${uri}"\n`;

  it("stays where the rendition stays in the master, so that players find it", async () => {
    for (const rest of ["2M/r.m3u8", "b/ID/2M/r.m3u8"])
      expect(await rewrite(report("../1M/r.m3u8"), { url: URL_, rest })).toBe(report("../1M/r.m3u8"));
  });

  it("is sealed where it leads out of what is mirrored", async () => {
    for (const rest of ["r.m3u8", "b/ID/r.m3u8"]) {
      const up = rest === "r.m3u8" ? "" : "../../";
      expect(await rewrite(report("../1M/r.m3u8"), { url: URL_, rest })).toBe(
        report(`${up}b/[https://o.example/1M/]/r.m3u8`),
      );
    }
  });
});
