// The codec of packets inside workerd, where code may not be made of text.

import { describe, expect, it } from "vitest";
import { decodePacket, encodePacket } from "../../../shared/packet/codec.ts";

describe("the packet codec in workerd", () => {
  it("reads what it writes", () => {
    const head = {
      method: "GET",
      url: "/ä",
      headers: [{ name: "host", value: Uint8Array.of(1, 2) }],
      upgrade: true,
    };
    const packet = decodePacket(encodePacket({ sid: "7", cmd: "request", head }));
    expect(packet).toMatchObject({
      sid: "7",
      cmd: "request",
      head: { method: "GET", url: "/ä", upgrade: true },
    });
    expect([...(packet?.head?.headers[0]?.value ?? [])]).toEqual([1, 2]);
  });

  it("does not throw for what is no packet", () => {
    expect(decodePacket(Uint8Array.of(0x3a, 0x7f, 0x01))).toBeUndefined();
  });
});
