// The threat: a client names a place that looks public and is not, so that the proxy fetches inner secrets for it (SSRF).

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classifyHost, isPublicAddress } from "../../../shared/net/destination.ts";

describe("classifyHost", () => {
  it.each([
    ["8.8.8.8", "public"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["10.1.2.3", "private"],
    ["172.16.0.1", "private"],
    ["172.32.0.1", "public"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "shared"],
    ["169.254.1.1", "link_local"],
    ["169.254.169.254", "metadata"],
    ["100.100.100.200", "metadata"],
    ["168.63.129.16", "metadata"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "reserved"],
    ["192.0.2.1", "reserved"],
    ["198.18.0.1", "reserved"],
    ["224.0.0.1", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "reserved"],
  ])("knows %s as %s", (host, expected) => expect(classifyHost(host)).toBe(expected));

  it.each([
    ["[2606:4700::1111]", "public"],
    ["[::1]", "loopback"],
    ["[::]", "unspecified"],
    ["[fd12::1]", "private"],
    ["[fd00:ec2::254]", "metadata"],
    ["[fe80::1]", "link_local"],
    ["[ff02::1]", "multicast"],
    ["[2001:db8::1]", "reserved"],
    ["[2001::1]", "reserved"],
    ["[4000::1]", "reserved"],
    ["[::ffff:127.0.0.1]", "loopback"],
    ["[::ffff:a9fe:a9fe]", "metadata"],
    ["[64:ff9b::a9fe:a9fe]", "metadata"],
    ["[64:ff9b:1::a00:1]", "private"],
    ["[2002:7f00:1::]", "loopback"],
    ["[::10.0.0.1]", "private"],
    ["[2002:808:808::1]", "public"],
  ])("knows %s as %s", (host, expected) => expect(classifyHost(host)).toBe(expected));

  it.each([
    "localhost",
    "LOCALHOST.",
    "app.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "2130706433",
    "0x7f.1",
    "0177.1",
    "127.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "ⓛocalhost",
  ])("sees loopback behind the spelling %s", (host) => expect(classifyHost(host)).toBe("loopback"));

  it.each([
    "2852039166",
    "0xa9fea9fe",
    "025177524776",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.254.",
    "169.254.169.254..",
    "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
    "169．254．169．254",
    "169｡254｡169｡254",
    "%31%36%39.254.169.254",
    "[::ffff:169.254.169.254]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::ffff:0:a9fe:a9fe]",
    "[::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
  ])("sees what a URL with the host %s leads to", (host) => {
    const url = URL.parse(`http://${host}/`);
    // A spelling that no URL takes leads nowhere.
    if (url) expect(classifyHost(url.hostname)).toBe("metadata");
    else expect(host).toContain("..");
  });

  it.each([
    ["metadata.google.internal", "metadata"],
    ["vault.internal", "private"],
    ["printer.local", "private"],
    ["nas.home.arpa", "private"],
    ["example.com", "name"],
    ["localhost.example.com", "name"],
    ["constructor", "name"],
    ["", "reserved"],
    [".", "reserved"],
    ["1.2.3.4.5", "reserved"],
    ["[::1", "reserved"],
  ])("knows the name %j as %s", (host, expected) => expect(classifyHost(host)).toBe(expected));

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 40 }), (units) => {
        classifyHost(String.fromCharCode(...units));
      }),
      { numRuns: 500 },
    );
  });
});

describe("isPublicAddress", () => {
  it("is true for public addresses only, never for names", () => {
    expect(isPublicAddress("1.1.1.1")).toBe(true);
    expect(isPublicAddress("[2606:4700::1111]")).toBe(true);
    expect(isPublicAddress("10.0.0.1")).toBe(false);
    expect(isPublicAddress("example.com")).toBe(false);
  });
});
