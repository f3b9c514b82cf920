import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listOffers, matchOffer, type Rendition } from "../../../shared/hls/renditions.ts";
import { scanPlaylist } from "../../../shared/hls/scan.ts";

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",URI="audio/en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch",LANGUAGE="de",URI="audio/de.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2"
# a remark
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2800000,RESOLUTION=1280x720,CODECS="avc1.4d401f,mp4a.40.2"
mid.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2500000,RESOLUTION=1280x720,CODECS="hvc1.1.6.L93,mp4a.40.2"
hevc.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,URI="iframes.m3u8"
`;

function offers(text: string) {
  return listOffers(text, scanPlaylist(text));
}

function match(wanted: Rendition): string | undefined {
  return matchOffer(offers(MASTER), wanted)?.span.uri;
}

describe("listOffers", () => {
  it("lists variants and renditions by what their tags say, each kind counted by itself", () => {
    expect(offers(MASTER).map(({ rendition, span }) => [rendition.t, rendition.i, span.uri])).toEqual([
      ["AUDIO", 0, "audio/en.m3u8"],
      ["AUDIO", 1, "audio/de.m3u8"],
      ["VARIANT", 0, "low.m3u8"],
      ["VARIANT", 1, "mid.m3u8"],
      ["VARIANT", 2, "hevc.m3u8"],
      ["I-FRAME", 0, "iframes.m3u8"],
    ]);
  });

  it("is empty for a media playlist", () => {
    expect(offers("#EXTM3U\n#EXTINF:1,\na.ts\n")).toEqual([]);
  });

  it("never throws", () => {
    const piece = fc.constantFrom(
      "#EXT-X-STREAM-INF:",
      "BANDWIDTH=",
      "\n",
      "a",
      '"',
      ",",
      "#EXT-X-MEDIA:TYPE=",
      "\r\n",
      "#",
    );
    fc.assert(fc.property(fc.string({ unit: piece }), (text) => void offers(`#EXTM3U\n${text}`)));
  });
});

describe("matchOffer", () => {
  it("prefers the same codecs, then the same picture, then the nearest bandwidth", () => {
    const c = "avc1.640028,mp4a.40.2";
    expect(match({ t: "VARIANT", i: 0, b: 2_500_000, r: "1280x720", c })).toBe("mid.m3u8");
    expect(match({ t: "VARIANT", i: 0, b: 900_000, r: "854x480", c })).toBe("low.m3u8");
    expect(match({ t: "VARIANT", i: 0, b: 2_500_000, r: "1280x720", c: "hvc1.2.4.L120,mp4a.40.2" })).toBe(
      "hevc.m3u8",
    );
  });

  it("finds the language among renditions of the same type", () => {
    expect(match({ t: "AUDIO", i: 0, g: "other", n: "German", l: "de" })).toBe("audio/de.m3u8");
    expect(match({ t: "SUBTITLES", i: 0, l: "de" })).toBeUndefined();
  });

  it("goes by the place where nothing else tells", () => {
    const plain = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n";
    expect(matchOffer(offers(plain), { t: "VARIANT", i: 1, b: 1 })?.span.uri).toBe("b.m3u8");
  });
});
