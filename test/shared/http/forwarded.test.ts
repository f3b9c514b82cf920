import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Arrival, forwardedField, readArrival } from "../../../shared/http/forwarded.ts";
import { canonicalIp } from "../../../shared/net/address.ts";

const SEEN = { peer: "10.0.0.1", scheme: "http", host: "edge.test" } as const;

/** 10/8 and IPv6 unique local addresses are trusted. */
function isTrusted(ip: string): boolean {
  return ip.startsWith("10.") || ip.startsWith("fd");
}

function arrive(headers: Record<string, string>): Arrival {
  return readArrival(new Headers(headers), SEEN, isTrusted);
}

describe("readArrival", () => {
  it("takes the nearest address that is no trusted proxy's for the client's", () => {
    expect(arrive({ "X-Forwarded-For": "192.0.2.7" })).toMatchObject({
      clientIp: "192.0.2.7",
      chain: ["192.0.2.7", "10.0.0.1"],
    });
    expect(arrive({ "X-Forwarded-For": "192.0.2.7, 10.0.0.9" })).toMatchObject({
      clientIp: "192.0.2.7",
      chain: ["192.0.2.7", "10.0.0.9", "10.0.0.1"],
    });
  });

  it("drops what the client itself claims", () => {
    expect(arrive({ "X-Forwarded-For": "8.8.8.8, 10.0.0.8, 192.0.2.7, 10.0.0.9" }).chain).toEqual([
      "192.0.2.7",
      "10.0.0.9",
      "10.0.0.1",
    ]);
  });

  it("takes the farthest proxy for the client where all are trusted", () => {
    expect(arrive({ "X-Forwarded-For": "10.0.0.3, 10.0.0.2" }).clientIp).toBe("10.0.0.3");
    expect(arrive({}).clientIp).toBe("10.0.0.1");
  });

  it("stops at what is no address", () => {
    for (const word of ["unknown", "_hidden", "", "1.2.3", "300.1.1.1", "192.0.2.1x", "[::1", "a:80"])
      expect(arrive({ "X-Forwarded-For": `192.0.2.7, ${word || "?"}, 10.0.0.9` }).clientIp, word).toBe(
        "10.0.0.9",
      );
  });

  it("reads addresses with ports and in brackets", () => {
    for (const [text, ip] of [
      ["192.0.2.7:4711", "192.0.2.7"],
      ["[2001:db8::7]:4711", "2001:db8::7"],
      ["[2001:DB8::7]", "2001:db8::7"],
      ["2001:db8::7", "2001:db8::7"],
      ["::ffff:192.0.2.7", "192.0.2.7"],
    ])
      expect(arrive({ "X-Forwarded-For": text ?? "" }).clientIp, text).toBe(ip);
  });

  it("counts a direct peer that a network has added already once", () => {
    expect(arrive({ "X-Forwarded-For": "192.0.2.7, 10.0.0.1" }).chain).toEqual(["192.0.2.7", "10.0.0.1"]);
  });

  it("believes scheme and host of the proxy that spoke with the client", () => {
    const headers = {
      "X-Forwarded-For": "8.8.8.8, 192.0.2.7, 10.0.0.9",
      "X-Forwarded-Proto": "http, https, http",
      "X-Forwarded-Host": "evil.test, App.test:8443, inner.test",
    };
    expect(arrive(headers)).toMatchObject({ scheme: "https", host: "app.test:8443" });
  });

  it("takes the last word where a proxy replaces instead of adding", () => {
    const headers = { "X-Forwarded-For": "192.0.2.7, 10.0.0.9", "X-Forwarded-Proto": "https" };
    expect(arrive(headers)).toMatchObject({ scheme: "https", host: "edge.test" });
    expect(arrive({ "X-Forwarded-Proto": "https" })).toMatchObject({
      clientIp: "10.0.0.1",
      scheme: "https",
    });
  });

  it("passes over schemes and hosts that are none", () => {
    const headers = {
      "X-Forwarded-For": "192.0.2.7",
      "X-Forwarded-Proto": "javascript",
      "X-Forwarded-Host": "a.test/x",
    };
    expect(arrive(headers)).toMatchObject({ scheme: "http", host: "edge.test" });
  });

  it("reads Forwarded where there is no X-Forwarded-For", () => {
    const value = 'for=8.8.8.8, for="[2001:db8::7]:80";proto=HTTPS;host="app.test:8443" , For=10.0.0.9;by=_x';
    expect(arrive({ Forwarded: value })).toEqual({
      clientIp: "2001:db8::7",
      scheme: "https",
      host: "app.test:8443",
      chain: ["2001:db8::7", "10.0.0.9", "10.0.0.1"],
    });
  });

  it("passes over a Forwarded that a proxy handed through", () => {
    const headers = { "X-Forwarded-For": "192.0.2.7", Forwarded: "for=8.8.8.8;proto=https" };
    expect(arrive(headers)).toMatchObject({ clientIp: "192.0.2.7", scheme: "http" });
  });

  it("believes no client that opens a quote, or writes endlessly, to hide what a proxy says", () => {
    for (const claim of ['for=6.6.6.6;host="', 'for="6.6.6.6', 'for=6.6.6.6;a="\\"', 'for=6.6.6.6;a="\\'])
      for (const word of ["for=192.0.2.7", 'for="[2001:db8::7]"'])
        expect(arrive({ Forwarded: `${claim}, ${word}` }).clientIp, claim + word).toBe("10.0.0.1");
    const endless = { "X-Forwarded-For": `${"9.9.9.9, ".repeat(5_000)}192.0.2.7`, Forwarded: "for=6.6.6.6" };
    expect(arrive(endless).clientIp).toBe("192.0.2.7");
    expect(arrive({ ...endless, "X-Forwarded-For": `${"1".repeat(9_000)}6.6.6.6` }).clientIp).toBe(
      "10.0.0.1",
    );
    expect(arrive({ "X-Forwarded-For": ",", Forwarded: "for=6.6.6.6" }).clientIp).toBe("10.0.0.1");
  });

  it("ends with addresses only, quickly, whatever the fields hold", () => {
    const text = fc.stringMatching(/^[ -~]{0,200}$/);
    fc.assert(
      fc.property(text, text, text, text, (list, forwarded, proto, host) => {
        const arrival = arrive({
          "X-Forwarded-For": list,
          Forwarded: forwarded,
          "X-Forwarded-Proto": proto,
          "X-Forwarded-Host": host,
        });
        for (const address of arrival.chain) expect(canonicalIp(address)).toBe(address);
        expect(["http", "https"]).toContain(arrival.scheme);
        expect(arrival.host).toMatch(/^[a-z0-9.:[\]_-]+$/);
      }),
    );
    const startedAt = Date.now();
    arrive({ Forwarded: 'for="'.repeat(1_600) });
    arrive({ Forwarded: "for=a;".repeat(100_000), "X-Forwarded-For": "10.0.0.1,".repeat(100_000) });
    expect(Date.now() - startedAt).toBeLessThan(500);
  });
});

describe("forwardedField", () => {
  it("tells how the client asked, and every address since (RFC 7239 §6)", () => {
    const arrival = { clientIp: "192.0.2.7", scheme: "https", host: "app.test" } as const;
    expect(forwardedField({ ...arrival, chain: ["192.0.2.7"] })).toBe(
      "for=192.0.2.7;host=app.test;proto=https",
    );
    const chain = ["2001:db8::7", "10.0.0.1"];
    expect(forwardedField({ ...arrival, host: "app.test:8443", chain })).toBe(
      'for="[2001:db8::7]";host="app.test:8443";proto=https, for=10.0.0.1',
    );
  });

  it("is read back as it was meant", () => {
    const arrival = arrive({ "X-Forwarded-For": "2001:db8::7, 10.0.0.9", "X-Forwarded-Host": "a.test:81" });
    const { chain, ...rest } = arrive({ Forwarded: forwardedField(arrival).replace(/, [^,]*$/, "") });
    expect({ ...rest, chain }).toEqual(arrival);
  });
});
