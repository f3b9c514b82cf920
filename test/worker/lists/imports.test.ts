// Imported lists through the whole Worker: the provider answers in place of fetch, the alarm runs when the test says so.

import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bearer, errorCode, OPERATOR_TOKEN, post, send, testEnv, VIEWER_TOKEN } from "../control/support.ts";
import {
  addressOf,
  alarm,
  gzip,
  imports,
  list,
  names,
  nextAlarm,
  Provider,
  pushAndFollow,
} from "./fixture.ts";

const LIST = "http://p.test/get.php?username=alice&password=s3cret";
const IMPORT = { name: "prov", url: LIST, every: "1h", headers: { "X-Key": "k" } };
const M3U = `#EXTM3U
#EXTINF:-1 tvg-id="one" group-title="UK",One
#EXTVLCOPT:http-user-agent=VLC/3
http://p.test/live/alice/s3cret/1.m3u8|Referer=http://r.test/
#EXTINF:-1 group-title="FR" catchup="append" catchup-source="?start={utc}&end={utcend}" catchup-days="2",Two
http://p.test/two/index.m3u8?token=t0ken
#EXTINF:-1 group-title="FR",Raw
http://p.test/raw.ts
`;

let provider: Provider;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  provider = new Provider();
  provider.start();
  provider.text(LIST, M3U);
});

afterEach(async () => {
  await pushAndFollow({});
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The state of the import as the API shows it. */
async function state(): Promise<Record<string, unknown>> {
  const reply = await send("/api/imports", bearer(VIEWER_TOKEN));
  const { imports } = await reply.json<{ imports: Record<string, unknown>[] }>();
  return imports[0] ?? {};
}

/** The next alarm, once its time has come. */
async function later(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await alarm();
}

describe("channel_imports", () => {
  it("list a provider's channels behind the configured ones, with addresses of ours", async () => {
    const channels = [{ id: "ch_own", name: "Own", sources: ["http://o.test/i.m3u8"] }];
    await pushAndFollow({ channels, channel_imports: [IMPORT] });
    expect(await names()).toEqual(["Own", "One", "Two", "Raw"]);
    const text = (await list()).join("\n");
    expect(text).not.toMatch(/p\.test|s3cret|alice|t0ken|r\.test/);
    expect(text).toMatch(/\/proxy\/ch_prov_raw-[a-z0-9]{7}\/stream\.ts/);
    expect(provider.asked[0]?.headers.get("x-key")).toBe("k");
  });

  it("play a channel with its own header fields", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    provider.text(
      "http://p.test/live/alice/s3cret/1.m3u8",
      "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n",
    );
    const reply = await send(await addressOf("One"));
    expect(await reply.text()).toContain("1.ts");
    const { headers } = provider.asked.at(-1) ?? { headers: new Headers() };
    expect([headers.get("user-agent"), headers.get("referer"), headers.get("x-key")]).toEqual([
      "VLC/3",
      "http://r.test/",
      null,
    ]);
  });

  it("give what the import says to all channels, and take it back with the next push", async () => {
    await pushAndFollow({ channel_imports: [{ ...IMPORT, channel: { headers: { "X-All": "1" } } }] });
    const playlist = "http://p.test/two/index.m3u8?token=t0ken";
    provider.text(playlist, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n");
    const address = await addressOf("Two");
    expect((await send(address)).status).toBe(200);
    expect(provider.asked.at(-1)?.headers.get("x-all")).toBe("1");
    await pushAndFollow({ channel_imports: [{ ...IMPORT, channel: { access: "token" } }] });
    expect((await send(address)).status).toBe(403);
    expect(await names()).toEqual([]);
  });

  it("answer 404 for ids that no import has, without asking the object", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    await send(await addressOf("Raw"));
    const record = vi.spyOn(testEnv.IMPORTS, "getByName");
    for (const id of ["ch_prov_one-0000000", "ch_prov_zzz-abcdefg", "ch_other_one-0000000", "ch_x"]) {
      const reply = await send(`/proxy/${id}/stream.m3u8`);
      expect([id, reply.status, await errorCode(reply)]).toEqual([id, 404, "channel_unknown"]);
    }
    expect(record).not.toHaveBeenCalled();
  });

  it("filter by the query: groups and names as globs, types", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    expect(await names("/playlist.m3u?group=fr")).toEqual(["Two", "Raw"]);
    expect(await names("/playlist.m3u?group=U*&group=none")).toEqual(["One"]);
    expect(await names("/playlist.m3u?name=T*&name=R*&type=hls")).toEqual(["Two"]);
    expect(await names("/playlist.m3u?type=ts")).toEqual(["Raw"]);
    expect((await send("/playlist.m3u?type=dash")).status).toBe(400);
    expect((await send(`/playlist.m3u?${"group=a&".repeat(11)}`)).status).toBe(400);
  });

  it("revalidate lists by their ETag, which changes with what is imported", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const etag = (await send("/playlist.m3u")).headers.get("etag") ?? "";
    const again = (): Promise<Response> => send("/playlist.m3u", { headers: { "If-None-Match": etag } });
    expect((await again()).status).toBe(304);
    provider.text(LIST, M3U.replace("One", "Other"));
    await later(3_600_000);
    expect((await again()).status).toBe(200);
  });

  it("lead past programmes to the origin by a redirect that shows nothing of it", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const start = Math.floor(Date.now() / 1_000) - 7_200;
    const base = (await addressOf("Two")).replace("stream.m3u8", "");
    const moved = await send(`${base}catchup.m3u8?utc=${start}&duration=3600&lutc=1`);
    const location = moved.headers.get("location") ?? "";
    expect([moved.status, location.replace(/b\/[\w-]+\/index\.m3u8$/, "sealed")]).toEqual([302, "sealed"]);
    const programme = `http://p.test/two/index.m3u8?token=t0ken&start=${start}&end=${start + 3_600}`;
    provider.text(programme, "#EXTM3U\n#EXT-X-ENDLIST\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n");
    expect((await send(base + location)).status).toBe(200);
    expect(provider.asked.at(-1)?.url).toBe(programme);
    expect((await send(`${base}catchup.m3u8?utc={utc}`)).status).toBe(400);
    expect((await send((await addressOf("One")).replace("stream", "catchup"))).status).toBe(404);
  });
});

describe("the imports object", () => {
  it("has no alarm and asks nobody while there is nothing to import", async () => {
    await pushAndFollow({});
    expect(await nextAlarm()).toBeNull();
    expect(provider.asked).toEqual([]);
  });

  it("refreshes on its schedule, by an alarm", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const due = (await nextAlarm()) ?? 0;
    expect(Math.abs(due - (Date.now() + 3_600_000))).toBeLessThan(5_000);
    provider.text(LIST, `${M3U}#EXTINF:-1,Three\nhttp://p.test/3.m3u8\n`);
    const before = await addressOf("One");
    await later(3_600_000);
    expect(await names()).toEqual(["One", "Two", "Raw", "Three"]);
    expect(await addressOf("One")).toBe(before);
  });

  it("asks with the provider's validators, and stores nothing that has not changed", async () => {
    provider.answers.set(LIST, (request) =>
      request.headers.get("if-none-match") === '"1"'
        ? new Response(null, { status: 304 })
        : new Response(M3U, { headers: { ETag: '"1"' } }),
    );
    await pushAndFollow({ channel_imports: [IMPORT] });
    const first = await state();
    await later(3_600_000);
    expect(provider.asked.at(-1)?.headers.get("if-none-match")).toBe('"1"');
    expect(await state()).toMatchObject({ error: "", changed_at: first.changed_at, count: 3 });
    provider.text(LIST, M3U);
    await later(3_600_000);
    expect((await state()).changed_at).toBe(first.changed_at);
  });

  it.each([
    ["an error", () => new Response("no", { status: 500 }), "origin_status"],
    ["a page of HTML", () => new Response("<html><body>Account expired</body></html>"), "list_malformed"],
    ["an empty list", () => new Response("#EXTM3U\n"), "list_empty"],
    ["no connection", "refuse" as const, "upstream_unreachable"],
    [
      "a redirect inside",
      () => new Response(null, { status: 302, headers: { Location: "http://10.0.0.1/" } }),
      "target_refused",
    ],
    [
      "a redirect to the edge itself",
      () => new Response(null, { status: 302, headers: { Location: "https://own.test/get.php" } }),
      "target_refused",
    ],
    [
      "broken gzip",
      () => new Response(new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
      "upstream_invalid",
    ],
  ])("keeps the last good list through %s, tries again sooner, and says why", async (_, answer, code) => {
    const hosts = [{ host: "own.test", upstreams: ["http://127.0.0.1:1"] }];
    provider.text("https://own.test/get.php", M3U.replace("Two", "Stolen"));
    await pushAndFollow({ hosts, channel_imports: [IMPORT] });
    provider.answers.set(LIST, answer);
    await later(3_600_000);
    expect(await names()).toEqual(["One", "Two", "Raw"]);
    expect(await state()).toMatchObject({ error: code, failures: 1, count: 3 });
    expect(((await nextAlarm()) ?? 0) - Date.now()).toBeLessThanOrEqual(60_000);
    provider.text(LIST, M3U);
    await later(60_000);
    expect(await state()).toMatchObject({ error: "", failures: 0 });
  });

  it("reads a list that is compressed, whatever its name says", async () => {
    const body = await gzip(M3U);
    provider.answers.set(LIST, () => new Response(body));
    await pushAndFollow({ channel_imports: [IMPORT] });
    expect(await names()).toEqual(["One", "Two", "Raw"]);
  });

  it("gives up on a list that is larger than any, packed small", async () => {
    const line = `#EXTINF:-1,x${" ".repeat(1_000)}\n`;
    const body = await gzip(`#EXTM3U\n${line.repeat(70_000)}`);
    provider.answers.set(LIST, () => new Response(body));
    await pushAndFollow({ channel_imports: [IMPORT] });
    expect(await state()).toMatchObject({ error: "list_too_large", count: 0 });
  });

  it("fetches through a relay, and so do the channels", async () => {
    const key = "a-key-of-more-than-16-characters";
    const relays = [{ name: "main", token: key, url: "https://relay.test", key }];
    provider.text("https://relay.test/", M3U);
    await pushAndFollow({ relays, channel_imports: [{ ...IMPORT, via: "relay:main" }] });
    expect(await names()).toEqual(["One", "Two", "Raw"]);
    await send(await addressOf("Two"));
    expect(new Set(provider.asked.map(({ url }) => url))).toEqual(new Set(["https://relay.test/"]));
    const targets = provider.asked.map(({ headers }) => headers.get("x-causeway-target"));
    expect(targets).toEqual([LIST, "http://p.test/two/index.m3u8?token=t0ken"]);
  });

  it("makes a list anew when its rules change, and forgets it with its import", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const address = await addressOf("One");
    await pushAndFollow({ channel_imports: [{ ...IMPORT, include_groups: ["FR"] }] });
    expect(await names()).toEqual(["Two", "Raw"]);
    expect(await state()).toMatchObject({ count: 2, skipped: { filter: 1 } });
    await pushAndFollow({});
    expect(await names()).toEqual([]);
    expect((await send(address)).status).toBe(404);
    expect(await nextAlarm()).toBeNull();
  });

  it("serves what it had after an eviction, and while the provider is away", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    provider.answers.set(LIST, "refuse");
    await evictDurableObject(imports());
    await later(3_600_000);
    expect(await names()).toEqual(["One", "Two", "Raw"]);
  });

  it("imports thousands of channels, in pages", async () => {
    const many = Array.from(
      { length: 1_300 },
      (_, n) => `#EXTINF:-1,Channel ${n}\nhttp://p.test/${n}.m3u8\n`,
    );
    provider.text(LIST, `#EXTM3U\n${many.join("")}`);
    await pushAndFollow({ channel_imports: [IMPORT] });
    expect(await names()).toEqual(Array.from({ length: 1_300 }, (_, n) => `Channel ${n}`));
    for (const n of [0, 127, 128, 650, 1_299]) {
      provider.text(`http://p.test/${n}.m3u8`, `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${n}.ts\n`);
      expect(await (await send(await addressOf(`Channel ${n}`))).text()).toContain(`${n}.ts`);
    }
  });
});

describe("/api/imports", () => {
  it("shows each source without its address", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const text = await (await send("/api/imports", bearer(VIEWER_TOKEN))).text();
    expect(JSON.parse(text).imports).toEqual([
      expect.objectContaining({ name: "prov", kind: "list", count: 3 }),
    ]);
    expect(text).not.toMatch(/p\.test|s3cret|alice/);
    expect((await send("/api/imports")).status).toBe(401);
  });

  it("refreshes now for operators, and knows no other names", async () => {
    await pushAndFollow({ channel_imports: [IMPORT] });
    const refresh = (name: string, token: string) =>
      send(`/api/imports/${name}/refresh`, { ...post({}), ...bearer(token) });
    expect((await refresh("prov", VIEWER_TOKEN)).status).toBe(403);
    expect((await refresh("other", OPERATOR_TOKEN)).status).toBe(404);
    expect((await refresh("prov", OPERATOR_TOKEN)).status).toBe(202);
    await alarm();
    expect(provider.count(LIST)).toBe(2);
  });
});
