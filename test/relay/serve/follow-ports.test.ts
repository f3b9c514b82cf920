import { describe, expect, it } from "vitest";
import { followPorts } from "../../../relay/serve/follow-ports.ts";

describe("followPorts", () => {
  it("moves URLs of the default addresses and nothing else", () => {
    const raw = {
      hosts: [
        { host: "a", upstreams: ["http://127.0.0.1:8085", { url: "http://127.0.0.1:8085/x", weight: 8085 }] },
      ],
      channels: [
        { sources: ["http://127.0.0.1:80850/i.m3u8", "http://other:8085/", "https://127.0.0.1:8085/"] },
      ],
      relay: { edge: "ws://127.0.0.1:8787", inbounds: [{ listen: "127.0.0.1:8085" }] },
    };
    expect(followPorts(raw, { edge: 1, demo: 2 })).toEqual({
      hosts: [
        { host: "a", upstreams: ["http://127.0.0.1:2", { url: "http://127.0.0.1:2/x", weight: 8085 }] },
      ],
      channels: raw.channels,
      relay: { edge: "ws://127.0.0.1:1", inbounds: [{ listen: "127.0.0.1:8085" }] },
    });
  });

  it("leaves the demo origin's address alone when none runs", () => {
    const raw = { hosts: [{ upstreams: ["http://127.0.0.1:8085"] }], when: new Date(0) };
    expect(followPorts(raw, { edge: 1 })).toEqual(raw);
  });
});
