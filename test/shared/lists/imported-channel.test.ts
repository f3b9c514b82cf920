import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIST_LIMITS } from "../../../shared/limits.ts";
import { importOf } from "../../../shared/lists/channel-ids.ts";
import {
  ChannelImporter,
  type ImportedChannel,
  type ImportRules,
} from "../../../shared/lists/imported-channel.ts";
import { ListReader } from "../../../shared/lists/m3u.ts";
import { plainText } from "../../../shared/lists/plain-text.ts";

const RULES: ImportRules = {
  name: "prov",
  types: ["live"],
  kind: "auto",
  via: "direct",
  include_groups: [],
  exclude_groups: [],
  include_names: [],
  exclude_names: [],
  rename_groups: {},
  rename_channels: {},
  group: "",
  prefix: "",
  tvg_prefix: "",
};
const LIST_URL = "http://p.test/get.php?username=alice&password=s3cret&type=m3u_plus&output=ts";

function entry(name: string, url: string, attributes = "", options = ""): string {
  return `#EXTINF:-1 ${attributes},${name}\n${options}${url}\n`;
}

function importAll(text: string, rules: Partial<ImportRules> = {}): (ImportedChannel | string)[] {
  const reader = new ListReader();
  const importer = new ChannelImporter({ ...RULES, ...rules }, [LIST_URL]);
  return [...reader.push(text), ...reader.end()].map((one) => importer.next(one));
}

function channels(text: string, rules: Partial<ImportRules> = {}): ImportedChannel[] {
  return importAll(text, rules).filter((one) => typeof one !== "string");
}

const names = (all: readonly ImportedChannel[]) => all.map(({ listed }) => listed.name);
const ids = (all: readonly ImportedChannel[]) => all.map(({ listed }) => listed.id);

describe("ChannelImporter", () => {
  it("keeps what players show, and the origin with its header fields apart from it", () => {
    const text = entry(
      "BBC One",
      "http://p.test/live/alice/s3cret/1.m3u8|Referer=http://r.test/",
      'tvg-id="bbc1.uk" tvg-logo="https://logos.test/1.png" group-title="UK" tvg-chno="101" tvg-name="BBC1"',
      "#EXTVLCOPT:http-user-agent=VLC/3\n",
    );
    const [channel] = channels(text);
    expect(channel).toEqual({
      listed: {
        id: expect.stringMatching(/^ch_prov_bbc-one-[a-z0-9]{7}$/),
        name: "BBC One",
        group: "UK",
        tvg_id: "bbc1.uk",
        logo: "https://logos.test/1.png",
        tvg_name: "BBC1",
        tvg_chno: "101",
      },
      kind: "hls",
      catchup: undefined,
      origin: {
        url: "http://p.test/live/alice/s3cret/1.m3u8",
        headers: { "User-Agent": "VLC/3", Referer: "http://r.test/" },
      },
    });
    expect(JSON.stringify(channel?.listed)).not.toMatch(/p\.test|s3cret|r\.test/);
  });

  it("gives the same ids when addresses, order and neighbours change", () => {
    const one = entry("One", "http://p.test/1.m3u8?token=a", 'tvg-id="1"');
    const two = entry("Zwei für alle", "http://p.test/2.m3u8?token=a");
    const before = ids(channels(one + two));
    const after = ids(
      channels(two.replace("token=a", "token=b") + entry("New", "http://p.test/3.m3u8") + one),
    );
    expect(after).toEqual(expect.arrayContaining(before));
    expect(before[1]).toMatch(/^ch_prov_zwei-fur-alle-/);
    expect(ids(channels(one, { name: "other" }))[0]).toMatch(/^ch_other_one-/);
  });

  it("tells repeated names apart by group, then by the address", () => {
    const text =
      entry("One", "http://p.test/u/p/1.m3u8", 'group-title="A"') +
      entry("One", "http://p.test/u/p/2.m3u8", 'group-title="B"') +
      entry("One", "http://p.test/u/p/3.m3u8", 'group-title="B"') +
      entry("One", "http://p.test/u/p/3.m3u8", 'group-title="B"');
    const all = ids(channels(text));
    expect(new Set(all).size).toBe(4);
    expect(ids(channels(text.replaceAll("/u/p/", "/x/y/")))).toEqual(all);
    expect(all.map(importOf)).toEqual(["prov", "prov", "prov", "prov"]);
  });

  it("gives names of other scripts an id, too", () => {
    expect(ids(channels(entry("Новости", "http://p.test/1.m3u8")))[0]).toMatch(/^ch_prov_[a-z0-9]{7}$/);
  });

  it("tells streams of HLS from raw ones and leaves out what no channel plays", () => {
    const kinds = (url: string, rules: Partial<ImportRules> = {}, options = "") =>
      importAll(entry("x", url, "", options), rules).map((one) =>
        typeof one === "string" ? one : one.kind,
      )[0];
    expect(kinds("http://p.test/a/index.m3u8?t=1")).toBe("hls");
    expect(kinds("http://p.test/a/1.ts")).toBe("ts");
    expect(kinds("http://p.test/live/u/p/17")).toBe("ts");
    expect(kinds("http://p.test/u/p/17")).toBe("ts");
    expect(kinds("http://p.test/u/p/17", { kind: "hls" })).toBe("hls");
    expect(kinds("http://p.test/stream.php?id=1")).toBe("hls");
    expect(kinds("http://p.test/stream.php?id=1&output=ts")).toBe("ts");
    expect(kinds("http://p.test/a.mpd")).toBe("format");
    expect(kinds("http://p.test/a", {}, "#KODIPROP:inputstream.adaptive.manifest_type=mpd\n")).toBe("format");
    expect(kinds("udp://@239.0.0.1:1234")).toBe("address");
    expect(kinds("rtmp://p.test/a")).toBe("format");
    expect(kinds("http://p.test/movie/u/p/1.mp4")).toBe("type");
    expect(kinds("http://p.test/movie/u/p/1.mp4", { types: ["movie"] })).toBe("format");
    expect(kinds("http://p.test/movie/u/p/1.m3u8", { types: ["movie"] })).toBe("hls");
    expect(kinds("http://p.test/series/u/p/1.m3u8")).toBe("type");
    expect(kinds("no address")).toBe("address");
  });

  it("takes no address inside the networks that only the edge reaches, in any spelling", () => {
    for (const host of [
      "127.0.0.1:8787",
      "2130706433",
      "[::1]",
      "10.0.0.1",
      "localhost",
      "169.254.169.254",
      "0x7f.1",
    ]) {
      const url = `http://${host}/index.m3u8`;
      expect([host, importAll(entry("x", url))[0]]).toEqual([host, "address"]);
      expect(channels(entry("x", url), { via: "relay:main" })).toHaveLength(1);
    }
  });

  it("takes no more of a list than an isolate holds, and no channel that does not fit its row", () => {
    const header = (n: number) => `#EXTHTTP:{"X-${n}":"${"v".repeat(3_000)}"}\n`;
    const large = entry("Large", "http://p.test/1.m3u8", "", header(1) + header(2));
    const tooLarge = entry("Too large", "http://p.test/2.m3u8", "", header(1) + header(2) + header(3));
    expect(importAll(large + tooLarge + entry("One", "http://p.test/3.m3u8")).map(String)).toEqual([
      "[object Object]",
      "limit",
      "[object Object]",
    ]);
    const taken = importAll(large.repeat(6_000)).filter((one) => typeof one !== "string");
    expect(JSON.stringify(taken).length).toBeLessThan(LIST_LIMITS.LIST_KEPT_CHARS_MAX * 1.1);
    expect(taken.length).toBeGreaterThan(1_000);
  });

  it("takes the operator's word for the host on its port, and for an address on any, as no name can lead elsewhere then", () => {
    const isForeign = (named: string, url: string) => {
      const [read] = new ListReader().push(entry("One", url));
      const made = read && new ChannelImporter(RULES, [named]).next(read);
      return typeof made === "object" ? made.origin.foreign === true : made;
    };
    expect(isForeign("http://p.test/list", "http://p.test:80/1.m3u8")).toBe(false);
    expect(isForeign("https://p.test/list", "https://p.test/1.m3u8")).toBe(false);
    expect(isForeign("http://p.test/list", "http://p.test:9200/1.m3u8")).toBe(true);
    expect(isForeign("http://p.test/list", "http://other.test/1.m3u8")).toBe(true);
    expect(isForeign("http://192.168.1.5/list", "http://192.168.1.5:5004/1.ts")).toBe(false);
    expect(isForeign("http://192.168.1.5/list", "http://192.168.1.6/1.ts")).toBe("address");
  });

  it("filters by globs of groups and names, by the list's own words", () => {
    const text =
      entry("UK: One", "http://p.test/1.m3u8", 'group-title="UK | News"') +
      entry("## UK ##", "http://p.test/2.m3u8", 'group-title="UK | News"') +
      entry("FR: Deux", "http://p.test/3.m3u8", 'group-title="FR | Infos"') +
      entry("Adults", "http://p.test/4.m3u8", 'group-title="XX adult"');
    expect(names(channels(text, { include_groups: ["uk*"], exclude_names: ["##*"] }))).toEqual(["UK: One"]);
    expect(names(channels(text, { exclude_groups: ["*ADULT*", "fr*"], include_names: ["uk: *"] }))).toEqual([
      "UK: One",
    ]);
    expect(importAll(text, { include_names: ["none"] })).toEqual(["filter", "filter", "filter", "filter"]);
  });

  it("renames groups and channels, puts prefixes before names and guide ids, or gives all one group", () => {
    const text = entry("UK: One FHD", "http://p.test/1.m3u8", 'group-title="UK | News" tvg-id="1"');
    const rules = { rename_channels: { "UK: * FHD": "* HD" }, rename_groups: { "UK | *": "*" } };
    const [channel] = channels(text, { ...rules, prefix: "P: ", tvg_prefix: "p." });
    expect(channel?.listed).toMatchObject({ name: "P: One HD", group: "News", tvg_id: "p.1" });
    expect(channels(text, { ...rules, group: "All" })[0]?.listed.group).toBe("All");
  });

  it("shows no picture that carries the provider's credentials, and none that is no picture's address", () => {
    const logo = (url: string) =>
      channels(entry("x", "http://p.test/1.m3u8", `tvg-logo="${url}"`))[0]?.listed.logo;
    expect(logo("http://p.test/logo/1.png")).toBe("http://p.test/logo/1.png");
    expect(logo("http://p.test/alice/s3cret/1.png")).toBeUndefined();
    expect(logo("http://p.test/logo?p=s3%63ret")).toBeUndefined();
    expect(logo("http://u:p@p.test/1.png")).toBeUndefined();
    expect(logo("data:image/png;base64,AAAA")).toBeUndefined();
    expect(logo("javascript:alert(1)")).toBeUndefined();
  });

  it("keeps catch-up where it can be found, and its template with the origin's secrets", () => {
    const listed = (attributes: string, url = "http://p.test/live/u/p/1.m3u8") =>
      channels(entry("x", url, attributes))[0];
    const full = listed(
      'catchup="default" catchup-days="7" catchup-source="http://p.test/a/s3cret/{utc}.m3u8"',
    );
    expect(full?.listed).toMatchObject({ catchup: true, catchup_days: 7 });
    expect(JSON.stringify(full?.listed)).not.toContain("s3cret");
    expect(full?.origin.catchup_source).toBe("http://p.test/a/s3cret/{utc}.m3u8");
    expect(listed('catchup="shift" timeshift="3"')?.listed).toMatchObject({ catchup: true, catchup_days: 3 });
    expect(listed('catchup="default"')?.listed.catchup).toBeUndefined();
    expect(listed('catchup="vod"')?.listed.catchup).toBeUndefined();
    expect(listed('catchup-type="flussonic-ts"')?.catchup).toBe("flussonic");
  });

  it("makes of any entry a channel that lists can show, or none", () => {
    const attribute = fc.tuple(
      fc.constantFrom(
        "tvg-id",
        "tvg-name",
        "group-title",
        "tvg-logo",
        "catchup",
        "catchup-source",
        "tvg-chno",
      ),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.webUrl(),
        fc.array(attribute),
        (name, url, attributes) => {
          const importer = new ChannelImporter(RULES, [LIST_URL]);
          const one = importer.next({
            name,
            url,
            attributes: new Map(attributes),
            duration: -1,
            options: [],
          });
          if (typeof one === "string") return;
          expect(one.listed.id).toMatch(/^ch_[A-Za-z0-9_-]{1,60}$/);
          expect(one.listed.name).not.toBe("");
          for (const text of Object.values(one.listed)) {
            if (typeof text === "string" && text.length <= 200) expect(plainText(text)).toBe(text);
            if (typeof text === "string") expect(text.isWellFormed()).toBe(true);
          }
        },
      ),
    );
  });
});
