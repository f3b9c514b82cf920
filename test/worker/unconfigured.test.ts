// Before the first push: nobody knows yet which hosts are channels'.

import { describe, expect, it } from "vitest";
import { errorCode, send } from "./control/support.ts";

describe("handle without a configuration", () => {
  it("answers players so that they can read why, and other sites nothing", async () => {
    for (const path of ["/proxy/ch_news/stream.m3u8", "/playlist.m3u", "/epg.xml"]) {
      const reply = await send(`http://tv.test${path}`);
      expect([path, reply.status, await errorCode(reply)]).toEqual([path, 503, "config_unavailable"]);
      expect([path, reply.headers.get("access-control-allow-origin")]).toEqual([path, "*"]);
    }
    const other = await send("http://tv.test/");
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([503, null]);
  });
});
