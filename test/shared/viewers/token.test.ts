// The threats: a token made up, changed, taken to another channel, or signed by a key that was taken out.

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fingerprintOf,
  importSigningKey,
  signToken,
  type TokenClaims,
  verifyToken,
} from "../../../shared/viewers/token.ts";

const SECRET = "a-signing-key-of-these-tests";
const EXPIRES = 1_800_000_000_000;

async function keys(...secrets: string[]): Promise<ReadonlyMap<string, CryptoKey>> {
  const made = secrets.map(async (secret, index) => [`k${index}`, await importSigningKey(secret)] as const);
  return new Map(await Promise.all(made));
}

async function sign(claims: TokenClaims, secret = SECRET, id = "k0"): Promise<string> {
  return signToken({ id, key: await importSigningKey(secret) }, claims);
}

/** A token as somebody else's program makes it. */
function handMade(claims: unknown, secret = SECRET): string {
  const text = typeof claims === "string" ? claims : JSON.stringify(claims);
  const head = `k0.${Buffer.from(text).toString("base64url")}`;
  return `${head}.${createHmac("sha256", secret).update(`t.${head}`).digest("base64url")}`;
}

describe("verifyToken", () => {
  it("gives back every claim that was signed", async () => {
    const claims: TokenClaims = {
      channel: "ch_news",
      expiresAt: EXPIRES,
      viewer: { name: "alice", fingerprint: "0123456789abcdef" },
      network: "203.0.113.7",
      session: "living-room",
      places: 3,
    };
    expect(await verifyToken(await keys(SECRET), await sign(claims))).toEqual(claims);
  });

  it("takes tokens of every key, and none of a key that is gone", async () => {
    const token = await sign({ channel: "ch_a", expiresAt: EXPIRES }, "the-older-key-of-these-tests", "k1");
    expect(await verifyToken(await keys(SECRET, "the-older-key-of-these-tests"), token)).toBeDefined();
    expect(await verifyToken(await keys(SECRET), token)).toBeUndefined();
    expect(await verifyToken(await keys("the-older-key-of-these-tests"), token)).toBeUndefined();
  });

  it("takes tokens that any HMAC implementation made", async () => {
    const token = handMade({ c: "ch_a", e: EXPIRES / 1_000, i: "2001:DB8:0:1:ffff::9" });
    expect(await verifyToken(await keys(SECRET), token)).toEqual({
      channel: "ch_a",
      expiresAt: EXPIRES,
      network: "2001:db8:0:1::",
    });
  });

  it.each([
    ["another key", handMade({ c: "ch_a", e: 1 }, "not-the-key-of-these-tests")],
    ["no JSON", handMade("{")],
    ["no object", handMade("[]")],
    ["null", handMade("null")],
    ["no channel", handMade({ e: 1 })],
    ["no expiry", handMade({ c: "ch_a" })],
    ["an expiry that is no number", handMade({ c: "ch_a", e: "1" })],
    ["a negative expiry", handMade({ c: "ch_a", e: -1 })],
    ["an address that is none", handMade({ c: "ch_a", e: 1, i: "example.com" })],
    ["a session id with other characters", handMade({ c: "ch_a", e: 1, s: "a b" })],
    ["a viewer without fingerprint", handMade({ c: "ch_a", e: 1, v: "alice" })],
    ["a fingerprint without viewer", handMade({ c: "ch_a", e: 1, f: "00" })],
    ["no clients at all", handMade({ c: "ch_a", e: 1, n: 0 })],
    ["a claim that this release does not know", handMade({ c: "ch_a", e: 1, region: "eu" })],
    ["a second spelling", `${handMade({ c: "ch_a", e: 1 })}=`],
    ["too much text", `k0.${"A".repeat(2_000)}.${"A".repeat(43)}`],
  ])("refuses a token with %s", async (_, token) => {
    expect(await verifyToken(await keys(SECRET), token)).toBeUndefined();
  });

  it("refuses a token with any one character changed", async () => {
    const ring = await keys(SECRET);
    const token = await sign({ channel: "ch_a", expiresAt: EXPIRES });
    expect(await verifyToken(ring, token)).toBeDefined();
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "A" ? "B" : "A";
      expect(await verifyToken(ring, token.slice(0, at) + other + token.slice(at + 1))).toBeUndefined();
    }
  });

  it("never throws, whatever the text", async () => {
    const ring = await keys(SECRET);
    const part = fc.oneof(fc.string(), fc.base64String(), fc.json());
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join(".")),
        ),
        async (text) => {
          expect(await verifyToken(ring, text)).toBeUndefined();
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        await verifyToken(ring, handMade(json));
      }),
    );
  });
});

describe("signToken", () => {
  it("makes equal tokens of equal claims, so that addresses stay the same", async () => {
    const claims = { channel: "ch_a", expiresAt: EXPIRES };
    expect(await sign(claims)).toBe(await sign(claims));
  });
});

describe("fingerprintOf", () => {
  it("is the beginning of the verifier's digits", () => {
    expect(fingerprintOf(`sha256:${"0123456789abcdef".repeat(4)}`)).toBe("0123456789abcdef");
  });
});
