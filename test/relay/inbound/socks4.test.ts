import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SocksAction } from "../../../relay/inbound/socks-machine.ts";
import { SOCKS4, Socks4Machine } from "../../../relay/inbound/socks4.ts";

const USER = [0x6d, 0x65, 0];
const CONNECT = [4, 1, 0x1f, 0x90, 192, 0, 2, 7, ...USER];
const NAMED = [4, 1, 0, 80, 0, 0, 0, 1, ...USER, ...Buffer.from("a.example"), 0];

function feed(machine: Socks4Machine, bytes: readonly number[] | Uint8Array): SocksAction[] {
  return machine.feed(Buffer.from(bytes));
}

const REJECTED = [0, 91, 0, 0, 0, 0, 0, 0];

describe("Socks4Machine", () => {
  it("reads CONNECT and BIND to an address, whoever the user id names", () => {
    const request = { type: "request", host: "192.0.2.7", port: 8080 };
    expect(feed(new Socks4Machine("none"), CONNECT)).toEqual([{ ...request, command: "connect" }]);
    const bind = [4, 2, 0x1f, 0x90, 192, 0, 2, 7, 0];
    expect(feed(new Socks4Machine("none"), bind)).toEqual([{ ...request, command: "bind" }]);
  });

  it("reads the name of 4a behind the user id", () => {
    expect(feed(new Socks4Machine("none"), NAMED)).toEqual([
      { type: "request", command: "connect", host: "a.example", port: 80 },
    ]);
  });

  it("takes 0.0.0.0 for an address: only 0.0.0.x announces a name", () => {
    expect(feed(new Socks4Machine("none"), [4, 1, 0, 80, 0, 0, 0, 0, 0])).toMatchObject([
      { host: "0.0.0.0" },
    ]);
  });

  it.each([
    ["an address", CONNECT],
    ["a name", NAMED],
  ])("does the same with one byte at a time for %s, and keeps what follows", (_, wire) => {
    const whole = new Socks4Machine("none");
    const actions = feed(whole, [...wire, 9, 9]);
    const split = new Socks4Machine("none");
    expect([...wire, 9, 9].flatMap((byte) => feed(split, [byte]))).toEqual(actions);
    expect([...whole.rest()]).toEqual([9, 9]);
    expect([...split.rest()]).toEqual([9, 9]);
  });

  it.each([
    ["UDP ASSOCIATE, which SOCKS4 has not", [4, 3, 0, 80, 1, 2, 3, 4]],
    ["another version", [5, 1, 0, 80, 1, 2, 3, 4, 0]],
    ["a name with a space", [4, 1, 0, 80, 0, 0, 0, 1, 0, 0x20, 0]],
    ["an empty name", [4, 1, 0, 80, 0, 0, 0, 1, 0, 0]],
    ["an endless user id", [4, 1, 0, 80, 1, 2, 3, 4, ...new Array(256).fill(0x61)]],
    ["an endless name", [4, 1, 0, 80, 0, 0, 0, 1, 0, ...new Array(256).fill(0x61)]],
  ])("rejects %s with 91", (_, bytes) => {
    const [reply, end] = feed(new Socks4Machine("none"), bytes);
    expect(reply?.type === "send" && [...reply.bytes]).toEqual(REJECTED);
    expect(end?.type).toBe("fail");
  });

  it("is off where a password is needed", () => {
    const actions = feed(new Socks4Machine("password"), CONNECT);
    expect(actions.map(({ type }) => type)).toEqual(["send", "fail"]);
  });

  it("neither throws nor acts after its end, whatever the bytes and their pieces", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    const prefix = fc.constantFrom<readonly number[]>(
      [],
      [4, 1],
      [4, 2, 0, 80, 0, 0, 0, 9],
      CONNECT.slice(0, 9),
    );
    fc.assert(
      fc.property(prefix, pieces, (start, chunks) => {
        const machine = new Socks4Machine("none");
        let over = false;
        for (const chunk of [start, ...chunks]) {
          const actions = feed(machine, chunk);
          if (over) expect(actions).toEqual([]);
          over ||= actions.length > 0;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the replies of SOCKS4", () => {
  it("name a bound IPv4 address, and 0.0.0.0 for what has no place in them", () => {
    expect([...SOCKS4.granted({ address: "10.0.0.1", port: 258 })]).toEqual([0, 90, 1, 2, 10, 0, 0, 1]);
    expect([...SOCKS4.granted({ address: "2001:db8::1", port: 258 })]).toEqual([0, 90, 1, 2, 0, 0, 0, 0]);
  });

  it("say 91 for every failure", () => {
    expect([...SOCKS4.failed("connection_refused")]).toEqual(REJECTED);
    expect([...SOCKS4.failed("target_refused")]).toEqual(REJECTED);
  });
});
