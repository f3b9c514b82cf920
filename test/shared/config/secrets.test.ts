import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createSecretBox,
  decodeBase64Url,
  encodeBase64Url,
  tokenVerifier,
} from "../../../shared/config/secrets.ts";

const KEY = encodeBase64Url(Uint8Array.from({ length: 32 }, (_, n) => n));
const OTHER_KEY = encodeBase64Url(new Uint8Array(32).fill(255));

describe("createSecretBox", () => {
  it("opens what it sealed", async () => {
    const box = await createSecretBox(KEY);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
        expect(await box.open(await box.seal(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it("seals the same text to the same value, and different ones with different nonces", async () => {
    const box = await createSecretBox(KEY);
    expect(await box.seal("one")).toBe(await box.seal("one"));
    const [one, two] = await Promise.all([box.seal("one"), box.seal("two")]);
    expect(one.slice(0, 23)).not.toBe(two.slice(0, 23));
  });

  it("makes salts that are the same for the same place only, and under the same key only", async () => {
    const box = await createSecretBox(KEY);
    expect(await box.salt("a")).toHaveLength(16);
    expect(await box.salt("a")).toEqual(await box.salt("a"));
    expect(await box.salt("a")).not.toEqual(await box.salt("b"));
    expect(await box.salt("a")).not.toEqual(await (await createSecretBox(OTHER_KEY)).salt("a"));
  });

  it("opens nothing that was sealed under another key or changed by one bit", async () => {
    const box = await createSecretBox(KEY);
    const sealed = await box.seal("secret");
    expect(await (await createSecretBox(OTHER_KEY)).open(sealed)).toBeUndefined();
    const bytes = decodeBase64Url(sealed.slice("sealed:".length)) ?? new Uint8Array();
    for (const at of bytes.keys()) {
      const changed = Uint8Array.from(bytes, (byte, n) => (n === at ? byte ^ 1 : byte));
      expect(await box.open(`sealed:${encodeBase64Url(changed)}`)).toBeUndefined();
    }
  });

  it.each(["", "sealed:", "sealed:AAAA", "sealed:???", "plain text"])(
    "opens nothing malformed: %j",
    async (text) => {
      expect(await (await createSecretBox(KEY)).open(text)).toBeUndefined();
    },
  );

  it.each(["", "short", "x".repeat(44), "not base64url at all, really not ok"])(
    "refuses the root key %j without repeating it",
    async (key) => {
      await expect(createSecretBox(key)).rejects.toThrow("expected 32 bytes in base64url");
    },
  );
});

describe("tokenVerifier", () => {
  it("is the SHA-256 of the token in hex", async () => {
    const expected = createHash("sha256").update("tökén").digest("hex");
    expect(await tokenVerifier("tökén")).toBe(`sha256:${expected}`);
  });
});

describe("base64url", () => {
  it("round-trips bytes and agrees with Node", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = encodeBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(decodeBase64Url(text)).toEqual(Uint8Array.from(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it.each(["A", "A+/A", "AA==A", "ä"])("refuses %j", (text) => {
    expect(decodeBase64Url(text)).toBeUndefined();
  });
});
