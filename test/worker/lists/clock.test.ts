// Times that the imports object keeps, when the clock they were read from was wrong.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { alarm, imports, names, nextAlarm, Provider, pushAndFollow } from "./fixture.ts";

const LIST = "http://p.test/list.m3u";
const IMPORT = { name: "prov", url: LIST, every: "1h" };

let provider: Provider;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  provider = new Provider();
  provider.start();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the imports object", () => {
  it("goes on with its schedule when the clock went back", async () => {
    const right = Date.now();
    vi.setSystemTime(right + 365 * 86_400_000);
    provider.text(LIST, "#EXTM3U\n#EXTINF:-1,One\nhttp://p.test/1.m3u8\n");
    await pushAndFollow({ channel_imports: [IMPORT] });
    vi.setSystemTime(right);
    provider.text(LIST, "#EXTM3U\n#EXTINF:-1,Two\nhttp://p.test/2.m3u8\n");
    await imports().follow(1);
    expect((await nextAlarm()) ?? 0).toBeLessThanOrEqual(right + 1_000);
    await alarm();
    expect(await names()).toEqual(["Two"]);
    expect((await nextAlarm()) ?? 0).toBeLessThanOrEqual(right + 3_605_000);
  });
});
