import { describe, expect, it } from "vitest";
import { ChannelIds } from "../../../shared/lists/channel-ids.ts";

describe("ChannelIds", () => {
  it("takes a time in proportion for entries that nothing tells apart", () => {
    const ids = new ChannelIds("prov");
    const before = performance.now();
    const made = Array.from({ length: 10_000 }, () =>
      ids.next({ name: "x", tvgId: "", group: "", url: "http://a.test/live/index.m3u8" }),
    );
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(new Set(made).size).toBe(10_000);
  });
});
