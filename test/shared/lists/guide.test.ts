import { describe, expect, it } from "vitest";
import { LIST_LIMITS } from "../../../shared/limits.ts";
import {
  GUIDE_END,
  GUIDE_HEAD,
  GuideSelection,
  guideChannel,
  WantedChannels,
} from "../../../shared/lists/guide.ts";
import type { ListedChannel } from "../../../shared/lists/listed-channel.ts";
import { XmltvReader } from "../../../shared/lists/xmltv.ts";

const NOW = Date.UTC(2026, 0, 10);
const WINDOW = { from: NOW - 86_400_000, to: NOW + 86_400_000 };

function channel(id: string, more: Partial<ListedChannel> = {}): ListedChannel {
  return { id: `ch_${id}`, name: id, group: "", tvg_id: "", ...more };
}

function select(xml: string, channels: readonly ListedChannel[], strip = "", secrets: string[] = []) {
  const wanted = new WantedChannels();
  for (const one of channels) wanted.add(one, strip);
  const selection = new GuideSelection(wanted, WINDOW, new Set(secrets));
  const reader = new XmltvReader();
  const text = [...reader.push(xml), ...reader.end()].map((element) => selection.take(element)).join("");
  return { text, selection };
}

function programme(
  id: string,
  inside = "<title>T</title>",
  start = "20260110100000 +0000",
  stop = "20260110110000 +0000",
) {
  return `<programme start="${start}" stop="${stop}" channel="${id}">${inside}</programme>\n`;
}

describe("GuideSelection", () => {
  it("takes programmes of listed channels only, by their guide ids whatever the case", () => {
    const { text, selection } = select(programme("News.UK") + programme("other"), [
      channel("n", { tvg_id: "news.uk" }),
    ]);
    expect(text).toBe(programme("news.uk"));
    expect(selection.found()).toEqual([["news.uk", null]]);
  });

  it("finds a channel without a guide id by its name, and calls it by its own id", () => {
    const xml = `<channel id="7"><display-name lang="en">BBC  One</display-name></channel>${programme("7")}`;
    expect(select(xml, [channel("a", { name: "bbc one" })]).text).toBe(programme("ch_a"));
    expect(select(xml, [channel("a", { name: "x", tvg_name: "BBC One" })]).text).toBe(programme("ch_a"));
    expect(select(xml, [channel("a", { name: "BBC One", tvg_id: "z" })]).text).toBe("");
  });

  it("maps ids that an import has put a prefix before", () => {
    expect(select(programme("1"), [channel("a", { tvg_id: "p.1" })], "p.").text).toBe(programme("p.1"));
  });

  it("writes a programme once for each id that it serves", () => {
    const xml = `<channel id="1"><display-name>One</display-name></channel>${programme("1")}`;
    const both = [channel("a", { tvg_id: "1" }), channel("b", { name: "One" })];
    expect(select(xml, both).text).toBe(programme("1") + programme("ch_b"));
  });

  it("writes a programme for a bounded number of ids, whatever names its channel has", () => {
    const all = Array.from({ length: 300 }, (_, n) => channel(`c${n}`, { name: `Name ${n}` }));
    const names = all.map(({ name }) => `<display-name>${name}</display-name>`).join("");
    const { selection } = select(`<channel id="1">${names}</channel>${programme("1")}`, all);
    expect(selection.programmes).toBe(LIST_LIMITS.ALIASES_MAX);
  });

  it("remembers a bounded number of a guide's channels, however many claim one name", () => {
    const count = LIST_LIMITS.GUIDE_CHANNELS_MAX + 1;
    const claims = Array.from(
      { length: count },
      (_, n) => `<channel id="${n}"><display-name>One</display-name></channel>`,
    );
    const xml = claims.join("") + programme("0") + programme(String(count - 1));
    expect(select(xml, [channel("a", { name: "One" })]).selection.programmes).toBe(1);
  });

  it("keeps to its window of time", () => {
    const all = [channel("a", { tvg_id: "1" })];
    expect(select(programme("1", "", "20260101000000", "20260101010000"), all).text).toBe("");
    expect(select(programme("1", "", "20260301000000", "20260301010000"), all).text).toBe("");
    expect(select(programme("1", "", "20260109000000", "20260109010000"), all).text).not.toBe("");
  });

  it("leaves out what is malformed, and counts it", () => {
    const all = [channel("a", { tvg_id: "1" })];
    const { text, selection } = select(
      programme("1", "<b>") + programme("1", "x", "never") + programme("1"),
      all,
    );
    expect(text).toBe(programme("1"));
    expect(selection.malformed).toBe(2);
  });

  it("lets no credentials of the provider through", () => {
    const all = [channel("a", { tvg_id: "1" })];
    const icon = '<icon src="http://p.test/s3cret/1.png"/>';
    expect(select(programme("1", icon), all, "", ["s3cret"]).text).toBe(programme("1", "<icon/>"));
    expect(select(programme("1", "<url>http://p.test/s3cret</url>"), all, "", ["s3cret"]).text).toBe("");
  });

  it("leaves prose alone in which a provider's password is a word, or a part of one", () => {
    const all = [channel("a", { tvg_id: "1" })];
    const secrets = ["test", "Sports"];
    for (const title of [
      "The Latest News",
      "Test Match: England",
      "Sports",
      "a test",
      "What is 1 & 2 = test?",
    ]) {
      const inside = `<title>${title.replace("&", "&amp;")}</title>`;
      expect(select(programme("1", inside), all, "", secrets).text).toBe(programme("1", inside));
    }
    const latest = '<icon src="https://img.test.example/latest/a.png"/>';
    expect(select(programme("1", latest.replace(".test", "")), all, "", secrets).text).toContain(
      "latest/a.png",
    );
    for (const leak of ["http://p.example/x?u=test", "see user:test@p.example", "get.php?a=1&amp;p=%74est"])
      expect(select(programme("1", `<desc>More: ${leak}</desc>`), all, "", secrets).text).toBe("");
  });

  it("takes the picture of a channel that has none of its own", () => {
    const xml = `<channel id="1"><icon src="http://i.test/a.png?x=1&amp;y=2"/></channel>${programme("1")}`;
    const plain = channel("a", { name: "A & B", tvg_id: "1" });
    const picture = select(xml, [plain]).selection.found()[0]?.[1] ?? null;
    expect(guideChannel(plain, picture)).toBe(
      '<channel id="1"><display-name>A &amp; B</display-name><icon src="http://i.test/a.png?x=1&amp;y=2"/></channel>\n',
    );
    expect(guideChannel({ ...plain, logo: "http://own.test/" }, picture)).toContain("http://own.test/");
  });

  it("makes a document that is one", () => {
    const document =
      GUIDE_HEAD + guideChannel(channel("a"), null) + select(programme("1"), []).text + GUIDE_END;
    expect(document).toMatch(/^<\?xml.*<tv [^>]*>\n<channel id="ch_a">.*<\/channel>\n<\/tv>\n$/s);
  });
});
