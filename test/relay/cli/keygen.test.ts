import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "./support.ts";

const KEY = "[A-Za-z0-9_-]{43}";

/** Any 32 bytes are a private key. */
const SECRET = Buffer.alloc(32, 7).toString("base64url");

function newFile(): Promise<string> {
  return mkdtemp(join(tmpdir(), "causeway-keygen-")).then((folder) => join(folder, "key"));
}

function keysOf(secret: string, shared: string) {
  const x = Buffer.from(secret, "base64url").toString("base64url");
  const privateKey = createPrivateKey({
    key: { kty: "OKP", crv: "X25519", d: x, x: shared },
    format: "jwk",
  });
  return {
    privateKey,
    publicKey: createPublicKey({ key: { kty: "OKP", crv: "X25519", x: shared }, format: "jwk" }),
  };
}

describe("causeway keygen", () => {
  it("prints a pair whose halves belong together, another one each time", async () => {
    const pairs = await Promise.all(
      [1, 2].map(async () => {
        const { code, out } = await run(["keygen"]);
        expect(code).toBe(0);
        const match = new RegExp(`^private_key = "(${KEY})"\npublic_key = "(${KEY})"$`).exec(out);
        return keysOf(match?.[1] ?? "", match?.[2] ?? "");
      }),
    );
    const [a, b] = pairs;
    if (a === undefined || b === undefined) throw new Error("no pairs");
    const one = diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey });
    expect(one.equals(diffieHellman({ privateKey: b.privateKey, publicKey: a.publicKey }))).toBe(true);
  });

  it("finds the public key of a private one", async () => {
    const input = `${SECRET}\n`;
    const { out } = await run(["keygen", "public"], { input });
    const pair = keysOf(SECRET, out);
    expect(createPublicKey(pair.privateKey).export({ format: "jwk" }).x).toBe(out);
  });

  it("takes no private key of another length or alphabet, and does not repeat it", async () => {
    for (const input of ["", "AAAA", `${"A".repeat(42)}+`, "A".repeat(44)]) {
      const { code, err, out } = await run(["keygen", "public"], { input });
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("expected 32 bytes in base64url");
      if (input !== "") expect(err).not.toContain(input);
    }
  });

  it("makes tokens of 32 bytes", async () => {
    const { code, out } = await run(["keygen", "token"]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^${KEY}$`));
    expect((await run(["keygen", "token"])).out).not.toBe(out);
  });

  it("writes the secret to a file for its owner only, and prints none of it", async () => {
    const file = await newFile();
    const { code, out } = await run(["keygen", "--out", file]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^public_key = "${KEY}"$`));
    const secret = (await readFile(file, "utf8")).trim();
    expect(secret).toMatch(new RegExp(`^${KEY}$`));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await run(["keygen", "public"], { input: secret })).out).toBe(/"(.*)"/.exec(out)?.[1]);
    const token = await newFile();
    expect((await run(["keygen", "token", "-o", token])).out).toBe("");
    expect((await readFile(token, "utf8")).trim()).toMatch(new RegExp(`^${KEY}$`));
  });

  it("never overwrites a file", async () => {
    const file = await newFile();
    await writeFile(file, "mine");
    const { code, err, out } = await run(["keygen", "--out", file]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("it exists already");
    expect(await readFile(file, "utf8")).toBe("mine");
  });

  it("refuses kinds that it does not make", async () => {
    expect((await run(["keygen", "rsa"])).err).toContain("want one of x25519, public, token");
    expect((await run(["keygen", "public", "--out", "x"])).code).toBe(2);
  });
});
