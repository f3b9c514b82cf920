import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

const IMPORT = { name: "prov", url: "http://p.test/list" };
const GUIDE = { name: "open", url: "http://g.test/guide" };

function problems(document: Record<string, unknown>): string[] {
  const parsed = parseConfig(document);
  return parsed.ok ? [] : parsed.problems.map(({ path }) => path);
}

describe("checkLists", () => {
  it("takes lists and guides with nothing but a name and a URL", () => {
    expect(problems({ channel_imports: [IMPORT], guides: [GUIDE] })).toEqual([]);
  });

  it("wants names once, each kind for itself", () => {
    expect(
      problems({ channel_imports: [IMPORT, IMPORT], guides: [GUIDE, { ...GUIDE, name: "prov" }] }),
    ).toEqual(["channel_imports[1].name"]);
    expect(problems({ guides: [GUIDE, GUIDE] })).toEqual(["guides[1].name"]);
  });

  it("wants names that can be part of a channel's id", () => {
    for (const name of ["a_b", "", "x".repeat(21), "-a", "ä"])
      expect([name, problems({ channel_imports: [{ ...IMPORT, name }] })]).toEqual([
        name,
        ["channel_imports[0].name"],
      ]);
  });

  it("wants relays that can be reached", () => {
    const key = "a-key-of-more-than-16-characters";
    const via = "relay:main";
    const relay = { name: "main", token: key };
    const lists = { channel_imports: [{ ...IMPORT, via }], guides: [{ ...GUIDE, via }] };
    expect(problems({ ...lists, relays: [relay] })).toEqual(["channel_imports[0].via", "guides[0].via"]);
    expect(problems({ ...lists, relays: [{ ...relay, url: "https://r.test", key }] })).toEqual([]);
  });

  it("wants a template where catch-up needs one", () => {
    const channel = { id: "ch_a", sources: ["http://o.test/i.m3u8"] };
    expect(problems({ channels: [{ ...channel, catchup: "default" }] })).toEqual([
      "channels[0].catchup_source",
    ]);
    expect(problems({ channels: [{ ...channel, catchup: "shift" }] })).toEqual([]);
  });

  it("refuses keys for all channels that a list says itself", () => {
    for (const key of ["id", "name", "sources", "kind", "tvg_id"])
      expect([key, problems({ channel_imports: [{ ...IMPORT, channel: { [key]: "x" } }] })]).toEqual([
        key,
        [`channel_imports[0].channel.${key}`],
      ]);
  });
});
