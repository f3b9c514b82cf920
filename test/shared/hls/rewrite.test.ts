// One case per tag and rule: a playlist as its origin sends it, and as viewers get it.

import { describe, expect, it } from "vitest";
import { rewrite } from "./rewrite-playlist.ts";

const URL_ = "https://o.example/live/index.m3u8?s=1";
const HOME = "b/[https://o.example/live/]";
const MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n";
const MASTER = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";

/** Rule, lines in, lines out; `same` means untouched. */
type Case = readonly [rule: string, input: string, output: string | "same"];

const MEDIA_CASES: readonly Case[] = [
  ["a relative segment stays", "#EXTINF:6,\nseg1.ts", "same"],
  ["a segment in a folder stays", "#EXTINF:6,\na/b/seg1.m4s", "same"],
  ["other tags may stand between EXTINF and its URI", "#EXTINF:6,\n#EXT-X-BYTERANGE:1@0\nseg1.ts", "same"],
  ["a query is taken off the path", "#EXTINF:6,\nseg1.ts?t=1&u=2", `#EXTINF:6,\n${HOME}/seg1.ts?q=[t=1&u=2]`],
  ["an absolute URL", "#EXTINF:6,\nhttps://c.example/x/s.ts", "#EXTINF:6,\nb/[https://c.example/x/]/s.ts"],
  ["a URL without scheme", "#EXTINF:6,\n//c.example/x/s.ts", "#EXTINF:6,\nb/[https://c.example/x/]/s.ts"],
  ["an absolute path", "#EXTINF:6,\n/x/s.ts", "#EXTINF:6,\nb/[https://o.example/x/]/s.ts"],
  ["dot segments", "#EXTINF:6,\n../x/s.ts", "#EXTINF:6,\nb/[https://o.example/x/]/s.ts"],
  ["encoded dot segments", "#EXTINF:6,\n%2e%2E/s.ts", "#EXTINF:6,\nb/[https://o.example/]/s.ts"],
  [
    "encoded separators, as object stores write them",
    "#EXTINF:6,\nhttps://c.example/o/a%2Fs.ts?alt=media",
    "#EXTINF:6,\nb/[https://c.example/o/]/a%2Fs.ts?q=[alt=media]",
  ],
  ["second spellings", "#EXTINF:6,\n%61/s%2Dt.ts", "#EXTINF:6,\nb/[https://o.example/live/%61/]/s%2Dt.ts"],
  ["blanks in names", "#EXTINF:6,\nmy seg.ts", `#EXTINF:6,\n${HOME}/my%20seg.ts`],
  ["blanks around a URI", "#EXTINF:6,\n  /s.ts\t", "#EXTINF:6,\n  b/[https://o.example/]/s.ts\t"],
  ["names beyond ASCII", "#EXTINF:6,\nü.ts", `#EXTINF:6,\n${HOME}/%C3%BC.ts`],
  [
    "a colon in a name is no scheme after a slash",
    "#EXTINF:6,\nx/12:30.ts",
    "#EXTINF:6,\nb/[https://o.example/live/x/]/12:30.ts",
  ],
  ["a name without extension gets one", "#EXTINF:6,\nchunk", `#EXTINF:6,\n${HOME}/chunk~.ts`],
  [
    "an extension that no player takes gets one",
    "#EXTINF:6,\nchunk.php?n=1",
    `#EXTINF:6,\n${HOME}/chunk.php~.ts?q=[n=1]`,
  ],
  ["a name that looks as if it had got one", "#EXTINF:6,\nchunk~.ts", `#EXTINF:6,\n${HOME}/chunk~.ts~.ts`],
  ["a directory as segment", "#EXTINF:6,\nx/?n=1", "#EXTINF:6,\nb/[https://o.example/live/x/]/~.ts?q=[n=1]"],
  ["only a query", "#EXTINF:6,\n?n=1", `#EXTINF:6,\n${HOME}/index.m3u8~.ts?q=[n=1]`],
  ["a playlist's extension on a segment", "#EXTINF:6,\nx.m3u8", `#EXTINF:6,\n${HOME}/x.m3u8~.ts`],
  ["reserved: stream.ts", "#EXTINF:6,\nstream.ts", `#EXTINF:6,\n${HOME}/stream.ts`],
  ["reserved: b", "#EXTINF:6,\nb/1.ts", "#EXTINF:6,\nb/[https://o.example/live/b/]/1.ts"],
  ["reserved: t.", "#EXTINF:6,\nt.x/1.ts", "#EXTINF:6,\nb/[https://o.example/live/t.x/]/1.ts"],
  ["not reserved further down", "#EXTINF:6,\nx/b/t.1.ts", "same"],
  [
    "data: and skd: are left alone",
    '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k"\n#EXTINF:6,\ndata:video/mp2t;base64,AA',
    "same",
  ],
  ["EXT-X-KEY relative", '#EXT-X-KEY:METHOD=AES-128,URI="k.key",IV=0x1', "same"],
  [
    "EXT-X-KEY",
    '#EXT-X-KEY:METHOD=AES-128,URI="/k?id=1",IV=0x1',
    '#EXT-X-KEY:METHOD=AES-128,URI="b/[https://o.example/]/k~.key?q=[id=1]",IV=0x1',
  ],
  ["EXT-X-KEY without URI", "#EXT-X-KEY:METHOD=NONE", "same"],
  ["URI within another quoted value", '#EXT-X-KEY:METHOD=AES-128,KEYFORMAT="x,URI=/y",URI="k.key"', "same"],
  [
    "EXT-X-MAP",
    '#EXT-X-MAP:URI="/i?x=1",BYTERANGE="1@0"',
    '#EXT-X-MAP:URI="b/[https://o.example/]/i~.mp4?q=[x=1]",BYTERANGE="1@0"',
  ],
  [
    "segments of fragmented MP4 without extension",
    '#EXT-X-MAP:URI="i.mp4"\n#EXTINF:6,\nchunk',
    `#EXT-X-MAP:URI="i.mp4"\n#EXTINF:6,\n${HOME}/chunk~.mp4`,
  ],
  [
    "EXT-X-PART",
    '#EXT-X-PART:DURATION=1,URI="/p.1.m4s",INDEPENDENT=YES',
    '#EXT-X-PART:DURATION=1,URI="b/[https://o.example/]/p.1.m4s",INDEPENDENT=YES',
  ],
  [
    "EXT-X-PRELOAD-HINT equals the later part",
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="/p"\n#EXT-X-PART:DURATION=1,URI="/p"',
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="b/[https://o.example/]/p~.ts"\n#EXT-X-PART:DURATION=1,URI="b/[https://o.example/]/p~.ts"',
  ],
  [
    "a hinted MAP equals the later one",
    '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="/i"\n#EXT-X-MAP:URI="/i"',
    '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="b/[https://o.example/]/i~.mp4"\n#EXT-X-MAP:URI="b/[https://o.example/]/i~.mp4"',
  ],
  [
    "EXT-X-RENDITION-REPORT stays relative and imports what its siblings do",
    '#EXT-X-RENDITION-REPORT:URI="../1M/r.m3u8",LAST-MSN=1',
    '#EXT-X-RENDITION-REPORT:URI="b/[https://o.example/1M/]{p=parent}/r.m3u8",LAST-MSN=1',
  ],
  [
    "X-ASSET-URI is absolute",
    '#EXT-X-DATERANGE:ID="a",X-ASSET-URI="ad.m3u8"',
    `#EXT-X-DATERANGE:ID="a",X-ASSET-URI="ABS:${HOME}/ad.m3u8"`,
  ],
  [
    "X-ASSET-LIST is absolute",
    '#EXT-X-DATERANGE:ID="a",X-ASSET-LIST="https://ads.example/l"',
    '#EXT-X-DATERANGE:ID="a",X-ASSET-LIST="ABS:b/[https://ads.example/l]/~.assets"',
  ],
  [
    "attributes without quotes get them",
    "#EXT-X-MAP:URI=/i.mp4,BYTERANGE=1@0",
    '#EXT-X-MAP:URI="b/[https://o.example/]/i.mp4",BYTERANGE=1@0',
  ],
  [
    "blanks around attributes",
    '#EXT-X-MAP: BYTERANGE="1@0", URI = "/i.mp4" ',
    '#EXT-X-MAP: BYTERANGE="1@0", URI = "b/[https://o.example/]/i.mp4" ',
  ],
  ["EXT-X-MAP relative", '#EXT-X-MAP:URI="init.mp4"', "same"],
  [
    "X- attributes of applications",
    '#EXT-X-DATERANGE:ID="a",X-URL="https://c.example/x",X-COM-URI="/y"',
    "same",
  ],
  ["SCTE-35", '#EXT-X-DATERANGE:ID="a",SCTE35-OUT=0xFC,SCTE35-CMD=0xFC\n#EXT-OATCLS-SCTE35:/DA=', "same"],
  [
    "two segments on two hosts with one name",
    "#EXTINF:6,\nhttps://c.example/s1.ts\n#EXTINF:6,\nhttps://d.example/s1.ts",
    "#EXTINF:6,\nb/[https://c.example/]/s1.ts\n#EXTINF:6,\nb/[https://d.example/]/s1.ts",
  ],
  [
    "BYTERANGE segments of one file keep one address",
    "#EXTINF:6,\n#EXT-X-BYTERANGE:9@0\n/a.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:9@9\n/a.ts",
    "#EXTINF:6,\n#EXT-X-BYTERANGE:9@0\nb/[https://o.example/]/a.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:9@9\nb/[https://o.example/]/a.ts",
  ],
  ["a name below a host without path", "#EXTINF:6,\nhttps://c.ts", "#EXTINF:6,\nb/[https://c.ts/]/~.ts"],
  ["three slashes", "#EXTINF:6,\n///c.ts", "#EXTINF:6,\nb/[https://c.ts/]/~.ts"],
  [
    "an account in the URL",
    "#EXTINF:6,\nhttp://u:p@c.example/s.ts",
    "#EXTINF:6,\nb/[http://u:p@c.example/]/s.ts",
  ],
  ["EXT-X-PREFETCH", "#EXT-X-PREFETCH:https://c.example/n.ts", "#EXT-X-PREFETCH:b/[https://c.example/]/n.ts"],
  ["unknown tags and comments", '#EXT-X-FOO:URI="/x"\n# https://c.example/x\n#EXT-X-KEYS:URI="/x"', "same"],
  [
    "variables are put in before resolving",
    '#EXT-X-DEFINE:NAME="h",VALUE="https://c.example"\n#EXTINF:6,\n{$h}/s.ts',
    '#EXT-X-DEFINE:NAME="h",VALUE=""\n#EXTINF:6,\nb/[https://c.example/]/s.ts',
  ],
  [
    "variables that hold a query are hidden",
    '#EXT-X-DEFINE:NAME="a",VALUE="token=1"\n#EXT-X-DEFINE:VALUE=t=2,NAME=b\n#EXTINF:6,\ns.ts',
    '#EXT-X-DEFINE:NAME="a",VALUE=""\n#EXT-X-DEFINE:VALUE="",NAME=b\n#EXTINF:6,\ns.ts',
  ],
  [
    "variables in a child that stays",
    '#EXT-X-DEFINE:NAME="n",VALUE="7"\n#EXTINF:6,\ns{$n}.ts',
    '#EXT-X-DEFINE:NAME="n",VALUE="7"\n#EXTINF:6,\ns7.ts',
  ],
  [
    "a variable counts from its definition on",
    '#EXTINF:6,\nx/{$n}\n#EXT-X-DEFINE:NAME="n",VALUE="7"',
    '#EXTINF:6,\nb/[https://o.example/live/x/]/%7B$n%7D~.ts\n#EXT-X-DEFINE:NAME="n",VALUE="7"',
  ],
  [
    "QUERYPARAM reads the playlist's own URL",
    '#EXT-X-DEFINE:QUERYPARAM="s"\n#EXTINF:6,\ns{$s}.ts',
    '#EXT-X-DEFINE:NAME="s",VALUE=""\n#EXTINF:6,\ns1.ts',
  ],
  [
    "IMPORT reads the parent's variables",
    '#EXT-X-DEFINE:IMPORT="p"\n#EXTINF:6,\n{$p}.ts',
    '#EXT-X-DEFINE:IMPORT="p"\n#EXTINF:6,\nparent.ts',
  ],
  ["an unknown variable stays", '#EXT-X-DEFINE:IMPORT="zz"\n#EXT-X-DEFINE:QUERYPARAM="zz"', "same"],
];

const MASTER_CASES: readonly Case[] = [
  ["a relative variant stays", "#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/v.m3u8", "same"],
  [
    "a variant is a playlist whatever it is called",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.ts",
    `#EXT-X-STREAM-INF:BANDWIDTH=1\n${HOME}/v.ts~.m3u8`,
  ],
  [
    "reserved: stream.m3u8",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\nstream.m3u8",
    `#EXT-X-STREAM-INF:BANDWIDTH=1\n${HOME}/stream.m3u8`,
  ],
  [
    "reserved: catchup.m3u8",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\ncatchup.m3u8",
    `#EXT-X-STREAM-INF:BANDWIDTH=1\n${HOME}/catchup.m3u8`,
  ],
  [
    "EXT-X-MEDIA",
    '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,b",URI="/a.m3u8"',
    '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,b",URI="b/[https://o.example/]/a.m3u8"',
  ],
  [
    "EXT-X-I-FRAME-STREAM-INF",
    '#EXT-X-I-FRAME-STREAM-INF:URI="/i.m3u8"',
    '#EXT-X-I-FRAME-STREAM-INF:URI="b/[https://o.example/]/i.m3u8"',
  ],
  [
    "EXT-X-IMAGE-STREAM-INF",
    '#EXT-X-IMAGE-STREAM-INF:URI="/i.m3u8"',
    '#EXT-X-IMAGE-STREAM-INF:URI="b/[https://o.example/]/i.m3u8"',
  ],
  [
    "EXT-X-SESSION-DATA",
    '#EXT-X-SESSION-DATA:DATA-ID="d",URI="/d.json"',
    '#EXT-X-SESSION-DATA:DATA-ID="d",URI="b/[https://o.example/]/d.json"',
  ],
  [
    "EXT-X-SESSION-KEY",
    '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="/k.key"',
    '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="b/[https://o.example/]/k.key"',
  ],
  [
    "EXT-X-CONTENT-STEERING",
    '#EXT-X-CONTENT-STEERING:SERVER-URI="/s?x=1",PATHWAY-ID="p"',
    '#EXT-X-CONTENT-STEERING:SERVER-URI="b/[https://o.example/s?x=1]/~.steering",PATHWAY-ID="p"',
  ],
];

const sources = { query: "s=1", imported: new Map([["p", "parent"]]) };

describe.each([
  ["media playlists", MEDIA, MEDIA_CASES],
  ["master playlists", MASTER, MASTER_CASES],
])("%s", (_kind, head, cases) => {
  it.each(cases)("%s", async (_rule, input, output) => {
    for (const end of ["\n", "", "\n\n#\n"]) {
      const text = head + input + end;
      expect(await rewrite(text, { url: URL_, sources })).toBe(
        output === "same" ? text : head + output + end,
      );
    }
  });

  it.each(cases)("with CRLF: %s", async (_rule, input, output) => {
    const crlf = (text: string) => text.replaceAll("\n", "\r\n");
    const text = crlf(`${head}${input}\n`);
    const expected = output === "same" ? text : crlf(`${head}${output}\n`);
    expect(await rewrite(text, { url: URL_, sources })).toBe(expected);
  });
});
