import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ListFormat, listEntries, listHead } from "../../../shared/lists/format.ts";
import type { ListedChannel } from "../../../shared/lists/listed-channel.ts";
import { ListReader } from "../../../shared/lists/m3u.ts";

const ORIGIN = "https://tv.test";

function formatList(channels: readonly ListedChannel[], format: ListFormat): string {
  return listHead(format) + listEntries(channels, format);
}

describe("listHead and listEntries", () => {
  it("writes what players read, with addresses of ours only", () => {
    const text = formatList(
      [
        {
          id: "ch_a",
          name: 'The "A", one',
          group: "G",
          tvg_id: "a.tv",
          logo: "http://l.test/a.png",
          tvg_name: "A",
          tvg_chno: "7",
          tvg_shift: "-1",
          catchup: true,
          catchup_days: 3,
        },
        { id: "ch_b", name: "", group: "", tvg_id: "", kind: "ts" },
      ],
      { origin: ORIGIN, guide: `${ORIGIN}/epg.xml` },
    );
    expect(text).toBe(
      `#EXTM3U url-tvg="${ORIGIN}/epg.xml" x-tvg-url="${ORIGIN}/epg.xml"\n` +
        `#EXTINF:-1 tvg-id="a.tv" tvg-name="A" tvg-chno="7" tvg-logo="http://l.test/a.png" tvg-shift="-1" group-title="G" ` +
        `catchup="default" catchup-days="3" ` +
        `catchup-source="${ORIGIN}/proxy/ch_a/catchup.m3u8?utc={utc}&duration={duration}&lutc={lutc}",The "A", one\n` +
        `${ORIGIN}/proxy/ch_a/stream.m3u8\n` +
        `#EXTINF:-1 tvg-id="ch_b" tvg-name="ch_b",ch_b\n${ORIGIN}/proxy/ch_b/stream.ts\n`,
    );
  });

  it("names a guide id of ours only where the guide is ours", () => {
    const text = formatList([{ id: "ch_b", name: "B", group: "", tvg_id: "" }], { origin: ORIGIN });
    expect(text).toContain('#EXTINF:-1 tvg-name="B",B');
  });

  it("puts a channel's token into all of its addresses", () => {
    const channel = { id: "ch_a", name: "A", group: "", tvg_id: "", catchup: true } as const;
    const text = formatList([channel], { origin: ORIGIN, tokenFor: ({ id }) => `T-${id}` });
    expect(text).toContain(`\n${ORIGIN}/proxy/ch_a/t.T-ch_a/stream.m3u8\n`);
    expect(text).toContain(`${ORIGIN}/proxy/ch_a/t.T-ch_a/catchup.m3u8?`);
    expect(text).not.toContain("/ch_a/stream.m3u8");
  });

  it("is read back as it was meant, whatever the names are", () => {
    const word = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => text.trim() === text && text !== "");
    fc.assert(
      fc.property(word, fc.string({ unit: "binary" }), (name, group) => {
        const reader = new ListReader();
        const text = formatList([{ id: "ch_x", name, group, tvg_id: "" }], { origin: ORIGIN });
        const [entry, ...more] = [...reader.push(text), ...reader.end()];
        expect(more).toEqual([]);
        expect(entry?.url).toBe(`${ORIGIN}/proxy/ch_x/stream.m3u8`);
      }),
    );
  });
});
