import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SocksAction } from "../../../relay/inbound/socks-machine.ts";
import { encodeReply, REPLY, replyFor, Socks5Machine } from "../../../relay/inbound/socks5.ts";

const CONNECT_IPV4 = [5, 1, 0, 1, 192, 0, 2, 7, 0x1f, 0x90];

function feed(machine: Socks5Machine, bytes: readonly number[] | Uint8Array): SocksAction[] {
  return machine.feed(Buffer.from(bytes));
}

function sent(actions: readonly SocksAction[]): number[][] {
  return actions.flatMap((action) => (action.type === "send" ? [[...action.bytes]] : []));
}

describe("Socks5Machine", () => {
  it("chooses no authentication and connects to an IPv4 address", () => {
    const machine = new Socks5Machine("none");
    expect(sent(feed(machine, [5, 2, 2, 0]))).toEqual([[5, 0]]);
    expect(feed(machine, CONNECT_IPV4)).toEqual([
      { type: "request", command: "connect", host: "192.0.2.7", port: 8080 },
    ]);
  });

  it("connects to an IPv6 address and to a name", () => {
    const six = new Socks5Machine("none");
    feed(six, [5, 1, 0]);
    const address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    expect(feed(six, [5, 1, 0, 4, ...address, 0, 80])).toEqual([
      { type: "request", command: "connect", host: "2001:db8::1", port: 80 },
    ]);
    const named = new Socks5Machine("none");
    feed(named, [5, 1, 0]);
    const name = Buffer.from("Example.com");
    expect(feed(named, [5, 1, 0, 3, name.length, ...name, 1, 187])).toEqual([
      { type: "request", command: "connect", host: "Example.com", port: 443 },
    ]);
  });

  it.each([
    ["bind", [5, 2, 0, 1, 1, 2, 3, 4, 0, 80], { host: "1.2.3.4", port: 80 }],
    ["associate", [5, 3, 0, 1, 0, 0, 0, 0, 0, 0], { host: "0.0.0.0", port: 0 }],
    ["associate", [5, 3, 0, 3, 0, 0, 0], { host: "", port: 0 }],
  ] as const)("reads the command %s", (command, request, target) => {
    const machine = new Socks5Machine("none");
    feed(machine, [5, 1, 0]);
    expect(feed(machine, request)).toEqual([{ type: "request", command, ...target }]);
  });

  it("does the same with one byte at a time as with all at once, and keeps what follows", () => {
    const wire = [5, 1, 2, 1, 1, 0x61, 2, 0x62, 0x63, ...CONNECT_IPV4, 9, 9, 9];
    const run = (pieces: readonly (readonly number[])[]) => {
      const machine = new Socks5Machine("password");
      const actions: SocksAction[] = [];
      for (const piece of pieces) {
        actions.push(...feed(machine, piece));
        if (actions.at(-1)?.type === "sign_in") actions.push(...machine.signedIn(true));
      }
      return { actions, rest: [...machine.rest()] };
    };
    const whole = run([wire]);
    expect(whole.actions.map(({ type }) => type)).toEqual(["send", "sign_in", "send", "request"]);
    expect(whole.actions[1]).toEqual({ type: "sign_in", user: "a", password: "bc" });
    expect(whole.rest).toEqual([9, 9, 9]);
    expect(run(wire.map((byte) => [byte]))).toEqual(whole);
  });

  it("answers a refused sign-in and fails (RFC 1929)", () => {
    const machine = new Socks5Machine("password");
    feed(machine, [5, 1, 2, 1, 1, 0x61, 1, 0x62]);
    const actions = machine.signedIn(false);
    expect(sent(actions)).toEqual([[1, 1]]);
    expect(actions.at(-1)?.type).toBe("fail");
    expect(feed(machine, CONNECT_IPV4)).toEqual([]);
  });

  it.each([
    ["none", [5, 1, 2]],
    ["password", [5, 1, 0]],
    ["password", [5, 0]],
  ] as const)("answers FF when %s is not among the methods %j", (auth, greeting) => {
    const actions = feed(new Socks5Machine(auth), greeting);
    expect(sent(actions)).toEqual([[5, 0xff]]);
    expect(actions.at(-1)?.type).toBe("fail");
  });

  it.each([
    ["an unknown command", [5, 9, 0, 1, 1, 2, 3, 4, 0, 80], REPLY.COMMAND_NOT_SUPPORTED],
    ["an unknown address type", [5, 1, 0, 2, 1, 2, 3, 4], REPLY.ADDRESS_NOT_SUPPORTED],
    ["a name with a space", [5, 1, 0, 3, 1, 0x20, 0, 80], REPLY.GENERAL_FAILURE],
    ["an empty name", [5, 1, 0, 3, 0, 0, 80], REPLY.GENERAL_FAILURE],
    ["another version", [4, 1, 0, 1], REPLY.GENERAL_FAILURE],
  ] as const)("refuses %s with the reply for it", (_, request, reply) => {
    const machine = new Socks5Machine("none");
    feed(machine, [5, 1, 0]);
    const actions = feed(machine, request);
    expect(sent(actions)).toEqual([[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]]);
    expect(actions.at(-1)?.type).toBe("fail");
  });

  it("neither throws nor acts after its end, whatever the bytes and their pieces", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    const prefixes = fc.constantFrom([], [5, 1, 0], [5, 1, 0, 5, 1, 0], [5, 1, 2, 1]);
    const auth = fc.constantFrom("none" as const, "password" as const);
    fc.assert(
      fc.property(auth, prefixes, pieces, fc.boolean(), (method, prefix, chunks, accepted) => {
        const machine = new Socks5Machine(method);
        let over = false;
        for (const chunk of [Uint8Array.from(prefix), ...chunks]) {
          const actions = feed(machine, chunk);
          if (over) expect(actions).toEqual([]);
          if (actions.at(-1)?.type === "sign_in") actions.push(...machine.signedIn(accepted));
          over ||= actions.some(({ type }) => type === "fail" || type === "request");
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("encodeReply", () => {
  it("names the bound address in either family", () => {
    expect([...encodeReply(REPLY.SUCCEEDED, { address: "10.0.0.1", port: 258 })]).toEqual([
      5, 0, 0, 1, 10, 0, 0, 1, 1, 2,
    ]);
    expect(encodeReply(REPLY.SUCCEEDED, { address: "::1", port: 1 })).toHaveLength(22);
  });
});

describe("replyFor", () => {
  it.each([
    ["target_refused", 2],
    ["network_unreachable", 3],
    ["target_unreachable", 4],
    ["name_unknown", 4],
    ["connection_refused", 5],
    ["dial_timeout", 6],
    ["name_unresolved", 1],
    ["dial_failed", 1],
    ["not_carried", 7],
    ["command_unsupported", 7],
  ] as const)("answers %s with %i", (code, reply) => expect(replyFor(code)).toBe(reply));
});
