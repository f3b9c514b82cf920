// The threats: a forged or altered request, one that is recorded and sent again, and text that is made to break the reader.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  importIngressKey,
  newNonce,
  signedFields,
  signTarget,
  verifyTarget,
} from "../../../shared/ingress/signature.ts";

const NOW_MS = 1_800_000_000_500;
const NOW_S = 1_800_000_000;
const NONCE = "AAAAAAAAAAAAAAAAAAAAAA";
const TARGET = "https://10.0.0.5:8443/a//b?x=%2f";
const key = await importIngressKey("0123456789abcdef");

async function signed(at = NOW_S) {
  const signature = await signTarget(key, { method: "GET", target: TARGET, at, nonce: NONCE });
  return { method: "GET", target: TARGET, signature };
}

describe("signTarget", () => {
  it("makes the documented form over the documented text", async () => {
    const text = `causeway ingress v1\nGET\n${TARGET}\n${NOW_S}\n${NONCE}`;
    const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
    const { signature } = await signed();
    expect(signature).toBe(`v1;t=${NOW_S};n=${NONCE};s=${Buffer.from(mac).toString("base64url")}`);
  });
});

describe("newNonce", () => {
  it("gives 128 random bits, another time others", () => {
    expect(newNonce()).toMatch(/^[\w-]{22}$/);
    expect(newNonce()).not.toBe(newNonce());
  });
});

describe("signedFields", () => {
  it("names target and signature, which then hold", async () => {
    const fields = await signedFields(key, "POST", TARGET, NOW_MS);
    expect(Object.keys(fields)).toEqual(["x-causeway-target", "x-causeway-signature"]);
    const shown = { method: "POST", target: TARGET, signature: fields["x-causeway-signature"] };
    expect(await verifyTarget(key, shown, NOW_MS)).toMatchObject({ ok: true, at: NOW_S });
  });
});

describe("verifyTarget", () => {
  it("says when and with which nonce it was signed", async () => {
    expect(await verifyTarget(key, await signed(), NOW_MS)).toEqual({ ok: true, at: NOW_S, nonce: NONCE });
  });

  it("refuses another method, target, time, nonce or key", async () => {
    const shown = await signed();
    const forgeries = [
      { ...shown, method: "PUT" },
      { ...shown, method: "get" },
      { ...shown, target: "https://10.0.0.5:8443/a/b?x=%2f" },
      { ...shown, signature: shown.signature.replace(`t=${NOW_S}`, `t=${NOW_S + 1}`) },
      { ...shown, signature: shown.signature.replace("n=A", "n=B") },
    ];
    for (const forgery of forgeries) {
      expect(await verifyTarget(key, forgery, NOW_MS)).toEqual({ ok: false, fault: "forged" });
    }
    const other = await importIngressKey("fedcba9876543210");
    expect(await verifyTarget(other, shown, NOW_MS)).toEqual({ ok: false, fault: "forged" });
  });

  it.each([
    [30, true],
    [-30, true],
    [31, false],
    [-31, false],
  ])("lets the clocks be apart by 30 s: %i s", async (seconds, holds) => {
    const shown = await signed(NOW_S + seconds);
    expect((await verifyTarget(key, shown, NOW_S * 1_000)).ok).toBe(holds);
  });

  it.each([
    "",
    "v1",
    `v2;t=${NOW_S};n=${NONCE};s=${"A".repeat(43)}`,
    `v1;t=0${NOW_S};n=${NONCE};s=${"A".repeat(43)}`,
    `v1;t=${NOW_S};n=short;s=${"A".repeat(43)}`,
    `v1;t=${NOW_S};n=${NONCE};s=${"A".repeat(44)}`,
    `v1;t=${NOW_S};n=${NONCE};s=${"A".repeat(43)}, v1;t=${NOW_S};n=${NONCE};s=${"A".repeat(43)}`,
  ])("calls %j malformed", async (signature) => {
    const shown = { method: "GET", target: TARGET, signature };
    expect(await verifyTarget(key, shown, NOW_MS)).toEqual({ ok: false, fault: "malformed" });
  });

  it("never throws, and never accepts what was not signed", async () => {
    const text = fc.string({ unit: "binary", maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (method, target, signature) => {
        expect((await verifyTarget(key, { method, target, signature }, NOW_MS)).ok).toBe(false);
      }),
    );
  });
});
