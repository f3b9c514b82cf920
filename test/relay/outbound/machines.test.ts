// The client sides of proxies' handshakes, fed whole and byte by byte.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClientMachine, HandshakeStep } from "../../../relay/outbound/handshake.ts";
import { HttpConnectClient } from "../../../relay/outbound/http-client.ts";
import { fitsSocks4, Socks4Client, Socks5Client } from "../../../relay/outbound/socks-client.ts";

const NAME = { host: "a.example", port: 443 };
const ALICE = { user: "alice", password: "secret" };

/** Everything a machine sends and its last step, fed with `bytes` in pieces of `size`. */
function play(machine: ClientMachine, bytes: Buffer, size = bytes.length) {
  const sent = [Buffer.from(machine.start())];
  let last: HandshakeStep = { type: "more" };
  for (let at = 0; at < bytes.length && last.type === "more"; at += size) {
    last = machine.feed(bytes.subarray(at, at + size));
    if (last.type === "more" && last.send !== undefined) sent.push(Buffer.from(last.send));
  }
  return { sent, last };
}

/** The same in one piece after the other: a proxy answers each message by itself. */
function playParts(machine: ClientMachine, ...parts: Buffer[]) {
  const sent = [Buffer.from(machine.start())];
  let last: HandshakeStep = { type: "more" };
  for (const part of parts) {
    last = machine.feed(part);
    if (last.type === "more" && last.send !== undefined) sent.push(Buffer.from(last.send));
  }
  return { sent, last };
}

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const GRANTED = hex("05 00 00 01 7f000001 1234");

describe("Socks5Client", () => {
  it("asks for a name without signing in, and hands over what follows the reply", () => {
    const reply = Buffer.concat([hex("05 00"), GRANTED, Buffer.from("hello")]);
    const { sent, last } = playParts(
      new Socks5Client(NAME, undefined),
      reply.subarray(0, 2),
      reply.subarray(2),
    );
    expect(sent).toEqual([
      hex("05 01 00"),
      Buffer.concat([hex("05 01 00 03 09"), Buffer.from("a.example"), hex("01bb")]),
    ]);
    expect(last).toEqual({ type: "open", rest: Buffer.from("hello") });
  });

  it("signs in, and offers nothing else when it has a password", () => {
    const { sent, last } = playParts(new Socks5Client(NAME, ALICE), hex("05 02"), hex("01 00"), GRANTED);
    expect(sent[0]).toEqual(hex("05 01 02"));
    expect(sent[1]).toEqual(
      Buffer.concat([hex("01 05"), Buffer.from("alice"), hex("06"), Buffer.from("secret")]),
    );
    expect(last.type).toBe("open");
  });

  it.each([
    ["192.0.2.1", "01 c0000201"],
    ["2001:db8::1", "04 20010db8000000000000000000000001"],
  ])("asks for the address %s as one", (host, address) => {
    const { sent } = playParts(new Socks5Client({ host, port: 80 }, undefined), hex("05 00"));
    expect(sent[1]).toEqual(hex(`05 01 00 ${address} 0050`));
  });

  it.each([
    ["01 7f000001 1234"],
    ["04 00000000000000000000000000000001 1234"],
    ["03 03 616263 1234"],
    ["03 00 1234"],
  ])("reads a reply with the address %s byte by byte", (bound) => {
    const machine = new Socks5Client(NAME, ALICE);
    const all = Buffer.concat([hex("05 02 01 00 05 00 00"), hex(bound)]);
    expect(play(machine, all, 1).last).toEqual({ type: "open", rest: Buffer.alloc(0) });
  });

  it.each([
    ["05 01", "dial_failed"],
    ["05 02", "target_refused"],
    ["05 03", "network_unreachable"],
    ["05 04", "target_unreachable"],
    ["05 05", "connection_refused"],
    ["05 06", "dial_timeout"],
    ["05 07", "not_carried"],
    ["05 08", "network_unreachable"],
    ["05 99", "dial_failed"],
    ["04 00", "proxy_failed"],
    ["05 00 00 09", "proxy_failed"],
  ])("tells what the reply %s means", (reply, code) => {
    const { last } = playParts(new Socks5Client(NAME, undefined), hex("05 00"), hex(reply));
    expect(last).toMatchObject({ type: "failed", code });
  });

  it.each([["48"], ["05 ff"], ["05 02"]])("gives up on the method %s", (method) => {
    const { last } = playParts(new Socks5Client(NAME, undefined), hex(method));
    expect(last).toMatchObject({ type: "failed", code: "proxy_failed" });
  });

  it("gives up on a proxy that answers before it is asked", () => {
    const early = playParts(new Socks5Client(NAME, undefined), hex("05 00 05 00 00 01 00000000 0000")).last;
    expect(early).toMatchObject({ type: "failed", code: "proxy_failed" });
    const signedIn = playParts(new Socks5Client(NAME, ALICE), hex("05 02"), hex("01 00 05")).last;
    expect(signedIn).toMatchObject({ type: "failed", code: "proxy_failed" });
  });

  it("gives up when the proxy lets it in without the password, or refuses it", () => {
    expect(playParts(new Socks5Client(NAME, ALICE), hex("05 00")).last).toMatchObject({
      code: "proxy_failed",
    });
    const refused = playParts(new Socks5Client(NAME, ALICE), hex("05 02"), hex("01 01")).last;
    expect(refused).toMatchObject({ type: "failed", code: "proxy_failed" });
  });
});

describe("Socks5Client and garbage", () => {
  it("never throws, and never opens the way without a reply that grants it", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (parts) => {
        const { last } = playParts(new Socks5Client(NAME, ALICE), ...parts.map((part) => Buffer.from(part)));
        expect(["more", "failed"]).toContain(last.type);
      }),
    );
  });
});

describe("Socks4Client", () => {
  it("asks for an address, and by SOCKS4a for a name", () => {
    const address = new Socks4Client({ host: "192.0.2.1", port: 80 }, "bob").start();
    expect(Buffer.from(address)).toEqual(Buffer.concat([hex("04 01 0050 c0000201"), Buffer.from("bob\0")]));
    const name = new Socks4Client(NAME, "").start();
    expect(Buffer.from(name)).toEqual(
      Buffer.concat([hex("04 01 01bb 00000001 00"), Buffer.from("a.example\0")]),
    );
  });

  it("reads the reply byte by byte and hands over what follows it", () => {
    const reply = Buffer.concat([hex("00 5a 0000 00000000"), Buffer.from("x")]);
    expect(play(new Socks4Client(NAME, ""), reply).last).toEqual({ type: "open", rest: Buffer.from("x") });
    expect(play(new Socks4Client(NAME, ""), reply, 1).last.type).toBe("open");
  });

  it.each([
    ["00 5b", "dial_failed"],
    ["00 5c", "proxy_failed"],
    ["00 5d", "proxy_failed"],
    ["05", "proxy_failed"],
  ])("tells what the reply %s means", (reply, code) => {
    expect(play(new Socks4Client(NAME, ""), hex(reply)).last).toMatchObject({ type: "failed", code });
  });

  it("cannot name an IPv6 address", () => {
    expect(fitsSocks4({ host: "2001:db8::1", port: 80 })).toBe(false);
    expect(fitsSocks4({ host: "192.0.2.1", port: 80 })).toBe(true);
    expect(fitsSocks4(NAME)).toBe(true);
  });
});

describe("HttpConnectClient", () => {
  it("asks for the authority with its credentials, and hands over what follows the head", () => {
    const reply = Buffer.from("HTTP/1.1 200 Connection Established\r\nX: y\r\n\r\nhello");
    const { sent, last } = play(new HttpConnectClient({ host: "2001:db8::1", port: 443 }, ALICE), reply);
    expect(String(sent[0])).toBe(
      "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nProxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
    );
    expect(last).toEqual({ type: "open", rest: Buffer.from("hello") });
    expect(play(new HttpConnectClient(NAME, undefined), reply.subarray(0, -5), 1).last.type).toBe("open");
  });

  it("passes over interim replies", () => {
    const reply = Buffer.from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    expect(play(new HttpConnectClient(NAME, undefined), reply).last.type).toBe("open");
  });

  it.each([
    ["HTTP/1.1 407 Proxy Authentication Required", "proxy_failed"],
    ["HTTP/1.1 403 Forbidden", "target_refused"],
    ["HTTP/1.1 502 Bad Gateway", "dial_failed"],
    ["HTTP/1.1 504 Gateway Timeout", "dial_timeout"],
    ["HTTP/1.1 502 No\r\nProxy-Status: x; error=connection_refused", "connection_refused"],
    ["HTTP/1.1 502 No\r\nproxy-status: a, b;error=dns_error", "name_unknown"],
    ["HTTP/1.1 502 No\r\nProxy-Status: x; error=constructor", "dial_failed"],
    ["HTTP/1.1 502 No\r\nProxy-Status: x; error=__proto__", "dial_failed"],
    ["HTTP/1.1 101 Switching Protocols", "dial_failed"],
    ["SSH-2.0-OpenSSH", "proxy_failed"],
    ["HTTP/1.1 99 Low", "proxy_failed"],
  ])("tells what %j means", (head, code) => {
    const { last } = play(new HttpConnectClient(NAME, undefined), Buffer.from(`${head}\r\n\r\n`));
    expect(last).toMatchObject({ type: "failed", code });
  });

  it("does not hold a head without end", () => {
    const { last } = play(new HttpConnectClient(NAME, undefined), Buffer.alloc(1_000_000, "x"), 1_000);
    expect(last).toMatchObject({ type: "failed", code: "proxy_failed" });
  });
});

describe("machines of one answer", () => {
  it.each([
    ["SOCKS4", () => new Socks4Client(NAME, "")],
    ["CONNECT", () => new HttpConnectClient(NAME, undefined)],
  ])("ends the same way however the bytes of %s are cut, and never throws", (_, create) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 64 }), (bytes, size) => {
        const whole = play(create(), Buffer.from(bytes), 1).last;
        expect(play(create(), Buffer.from(bytes), size).last.type).toBe(whole.type);
      }),
    );
  });
});
