import { describe, expect, it } from "vitest";
import type { TunnelReport } from "../../../shared/flow/link.ts";
import { statsObject } from "./support.ts";

const link = { name: "main", connected: true, since: 1, version: "1.0", inbounds: ["mixed 127.0.0.1:1080"] };

describe("Stats.setTunnels", () => {
  it("shows a link's tunnels, also after its listeners have changed, until it goes down", async () => {
    const stats = statsObject("tunnels");
    const tunnels: TunnelReport[] = [
      {
        role: "server",
        name: "laptop",
        remote: "192.0.2.7:4000",
        engine: "portable",
        rtt_ms: 12,
        loss: 0,
        rate: 1,
        streams: 0,
      },
    ];
    await stats.setTunnels("main", tunnels);
    expect((await stats.snapshot()).links).toEqual([]);
    await stats.setLink(link);
    await stats.setTunnels("main", tunnels);
    await stats.setLink({ ...link, inbounds: [] });
    expect((await stats.snapshot()).links).toEqual([{ ...link, inbounds: [], tunnels }]);
    await stats.setLink({ ...link, connected: false });
    expect((await stats.snapshot()).links).toEqual([{ ...link, connected: false }]);
  });
});
