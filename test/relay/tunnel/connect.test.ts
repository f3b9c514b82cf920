import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  associatePacket,
  connectedPacket,
  connectPacket,
  readAnswer,
  readConnect,
  refusedPacket,
} from "../../../relay/tunnel/connect.ts";
import {
  decodePacket,
  encodePacket,
  type PacketFields,
  type ReadPacket,
} from "../../../shared/packet/codec.ts";

/** A packet as the other end reads it. */
function sent(packet: PacketFields): ReadPacket {
  const read = decodePacket(encodePacket(packet));
  if (read === undefined) throw new Error("The packet cannot be read");
  return read;
}

describe("readConnect", () => {
  it("reads what connectPacket asks for: names as they stand, addresses in their one spelling", () => {
    const ask = (host: string) => readConnect(sent(connectPacket(host, 443)));
    expect(ask("example.com")).toEqual({ type: "connection", host: "example.com", port: 443 });
    expect(ask("192.0.2.1")).toEqual({ type: "connection", host: "192.0.2.1", port: 443 });
    expect(ask("2001:DB8:0::1")).toEqual({ type: "connection", host: "2001:db8::1", port: 443 });
    expect(readConnect(sent(associatePacket()))).toEqual({ type: "association" });
  });

  it.each([
    ["no port", { domain: "a" }, "bad_request"],
    ["a port beyond all", { domain: "a", port: 65_536 }, "bad_request"],
    ["no host", { port: 80 }, "bad_request"],
    ["a name and an address", { domain: "a", ip: "192.0.2.1", port: 80 }, "bad_request"],
    ["an address that is none", { ip: "192.0.2.256", port: 80 }, "bad_request"],
    ["a name with a line break", { domain: "a\nb", port: 80 }, "bad_request"],
    ["a name that is too long", { domain: "a".repeat(256), port: 80 }, "bad_request"],
    ["an unknown service", { domain: "a", port: 80, service: "ssh" }, "command_unsupported"],
  ])("refuses %s", (_, authority, code) => {
    expect(readConnect(sent({ cmd: "connect", authority }))).toEqual({ type: "refused", code });
  });

  it("is undefined for what asks nothing", () => {
    expect(readConnect(sent({ cmd: "connect" }))).toBeUndefined();
    expect(readConnect(sent({ cmd: "data", authority: { domain: "a", port: 1 } }))).toBeUndefined();
  });

  it("never throws", () => {
    const authority = fc.record({
      domain: fc.string(),
      ip: fc.string(),
      port: fc.nat(),
      service: fc.string(),
    });
    fc.assert(
      fc.property(authority, (fields) => void readConnect(sent({ cmd: "connect", authority: fields }))),
    );
  });
});

describe("readAnswer", () => {
  it("reads where the far end dials from", () => {
    expect(readAnswer(sent(connectedPacket("192.0.2.9", 5_000)))).toEqual({
      address: "192.0.2.9",
      port: 5_000,
    });
  });

  it.each(["connection_refused", "name_unknown", "target_refused", "dial_timeout"] as const)(
    "hands on %s",
    (code) => {
      expect(() => readAnswer(sent(refusedPacket(code)))).toThrow(expect.objectContaining({ code }));
    },
  );

  it("believes no code that says nothing of the target", () => {
    for (const error_code of ["proxy_auth_required", "nonsense", ""]) {
      const packet = sent({ cmd: "connect", connect_res: { succeeded: false, error_code } });
      expect(() => readAnswer(packet)).toThrow(expect.objectContaining({ code: "dial_failed" }));
    }
  });

  it("takes nothing else for an answer", () => {
    expect(() => readAnswer(sent({ cmd: "terminate" }))).toThrow(
      expect.objectContaining({ code: "tunnel_failed" }),
    );
  });
});
