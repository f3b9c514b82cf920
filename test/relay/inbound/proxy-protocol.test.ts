import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeProxyHeader, encodeProxyHeader } from "../../../relay/inbound/proxy-protocol.ts";
import { RELAY_LIMITS } from "../../../shared/limits.ts";

const FOUR = {
  source: { address: "192.0.2.1", port: 56_324 },
  destination: { address: "198.51.100.2", port: 443 },
};
const SIX = {
  source: { address: "2001:db8::1", port: 1 },
  destination: { address: "2001:db8::2", port: 65_535 },
};
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function decode(bytes: readonly number[] | string) {
  return decodeProxyHeader(typeof bytes === "string" ? Buffer.from(bytes) : Buffer.from(bytes));
}

describe("version 1", () => {
  it("writes and reads the line of the specification", () => {
    const line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
    expect(encodeProxyHeader("v1", FOUR).toString()).toBe(line);
    expect(decode(`${line}GET /`)).toEqual({ type: "header", used: line.length, connection: FOUR });
    const six = encodeProxyHeader("v1", SIX);
    expect(six.toString()).toBe("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
    expect(decodeProxyHeader(six)).toMatchObject({ connection: SIX });
  });

  it("takes UNKNOWN with anything behind it for the balancer's own connection", () => {
    expect(decode("PROXY UNKNOWN\r\n")).toEqual({ type: "header", used: 15, connection: undefined });
    expect(decode("PROXY UNKNOWN ffff:f::1 x 1 2\r\n")).toMatchObject({ connection: undefined });
  });

  it.each([
    ["leading zeros", "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n"],
    ["a port too high", "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n"],
    ["a port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n"],
    ["the other family", "PROXY TCP4 ::1 ::1 1 2\r\n"],
    ["two spaces", "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"],
    ["too many fields", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"],
    ["too few fields", "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"],
    ["another protocol", "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"],
    ["no line's end", `PROXY TCP4 ${"1".repeat(200)}`],
    ["lower case", "proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"],
    ["something else", "GET / HTTP/1.1\r\n"],
  ])("refuses %s", (_, line) => expect(decode(line).type).toBe("invalid"));
});

describe("version 2", () => {
  it("writes and reads both families", () => {
    expect([...encodeProxyHeader("v2", FOUR)]).toEqual([
      ...SIGNATURE,
      ...[0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb],
    ]);
    for (const connection of [FOUR, SIX]) {
      const bytes = encodeProxyHeader("v2", connection);
      expect(decodeProxyHeader(Buffer.concat([bytes, Buffer.from("data")]))).toEqual({
        type: "header",
        used: bytes.length,
        connection,
      });
    }
  });

  it("skips extensions behind the addresses", () => {
    const header = encodeProxyHeader("v2", FOUR);
    header.writeUInt16BE(12 + 5, 14);
    const bytes = Buffer.concat([header, Buffer.from([4, 0, 2, 1, 1, 0x47])]);
    expect(decodeProxyHeader(bytes)).toEqual({ type: "header", used: header.length + 5, connection: FOUR });
  });

  it("takes LOCAL, and families without ports, for the balancer's own connection", () => {
    const local = [...SIGNATURE, 0x20, 0x11, 0, 12, ...new Array(12).fill(1)];
    expect(decode(local)).toMatchObject({ type: "header", used: 28, connection: undefined });
    expect(decode([...SIGNATURE, 0x21, 0, 0, 0])).toMatchObject({ connection: undefined });
    expect(decode([...SIGNATURE, 0x21, 0x31, 0, 216, ...new Array(216).fill(0)])).toMatchObject({
      connection: undefined,
    });
  });

  it.each([
    ["another version", [...SIGNATURE, 0x31, 0x11, 0, 12]],
    ["an unknown command", [...SIGNATURE, 0x22, 0x11, 0, 12]],
    ["too few bytes for its addresses", [...SIGNATURE, 0x21, 0x11, 0, 11, ...new Array(11).fill(0)]],
    ["more than the bound, before it has come", [...SIGNATURE, 0x21, 0x11, 0xff, 0xff]],
  ])("refuses %s", (_, bytes) => expect(decode(bytes).type).toBe("invalid"));
});

describe("both versions", () => {
  it("ask for more until the header is whole, and never for more than the bound", () => {
    for (const version of ["v1", "v2"] as const) {
      const whole = encodeProxyHeader(version, FOUR);
      for (let length = 0; length < whole.length; length++) {
        expect(decodeProxyHeader(whole.subarray(0, length)), `${version} ${length}`).toEqual({
          type: "more",
        });
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom([...Buffer.from("PROXY ")], SIGNATURE),
        fc.uint8Array({ maxLength: 300 }),
        (start, rest) => {
          const header = decodeProxyHeader(
            Buffer.from([...start, ...rest, ...new Array(RELAY_LIMITS.PROXY_HEADER_BYTES_MAX).fill(0)]),
          );
          expect(header.type).not.toBe("more");
        },
      ),
      { numRuns: 300 },
    );
  });

  it("never throw on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeProxyHeader(Buffer.from(bytes))),
    );
  });

  it("say only that there was a connection when its ends are of two families", () => {
    const odd = { source: FOUR.source, destination: SIX.destination };
    expect(encodeProxyHeader("v1", odd).toString()).toBe("PROXY UNKNOWN\r\n");
    expect([...encodeProxyHeader("v2", odd)]).toEqual([...SIGNATURE, 0x21, 0, 0, 0]);
  });
});
