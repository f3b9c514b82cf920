import { describe, expect, it } from "vitest";
import { serverText, silenceText } from "../../../relay/tunnel/silence.ts";

describe("silenceText", () => {
  it.each([
    [{ kind: "keys" }, "compare the server's public key, its list of clients"],
    [{ kind: "refused" }, "see whether the server runs"],
    [{ kind: "silent" }, "let firewalls pass the port, UDP and TCP"],
    [
      { kind: "network", error: Object.assign(new Error("x"), { code: "ENOTFOUND" }) },
      "its name does not exist",
    ],
    [{ kind: "network", error: new Error("the reason") }, "the reason"],
  ] as const)("says for %o what to do", (silence, advice) => {
    expect(silenceText(silence, true)).toContain(advice);
  });

  it("names the keys, too, where only UDP was tried: to keys that it does not know the server is silent", () => {
    expect(silenceText({ kind: "silent" }, false)).toContain("the keys");
  });
});

describe("serverText", () => {
  it("is what the configuration has", () => {
    expect(serverText({ host: "relay.example.com", first: 7_000, last: 7_000 })).toBe(
      "relay.example.com:7000",
    );
    expect(serverText({ host: "2001:db8::1", first: 7_000, last: 7_100 })).toBe("[2001:db8::1]:7000-7100");
  });
});
