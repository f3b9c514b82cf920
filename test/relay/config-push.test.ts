import { describe, expect, it } from "vitest";
import { prepareDocument } from "../../relay/config-push.ts";
import { verifyPassword } from "../../relay/password.ts";

const ROOT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const RAW = {
  hosts: [
    {
      host: "a.test",
      upstreams: ["http://127.0.0.1:1"],
      basic_auth: [
        { user: "alice", password: "env:ALICE" },
        { user: "bob", password: "same" },
      ],
    },
  ],
};

interface Prepared {
  readonly hosts: readonly [{ readonly basic_auth: readonly { readonly password: string }[] }];
}

async function passwords(rootKey: string | undefined): Promise<string[]> {
  const prepared = await prepareDocument(RAW, { rootKey, env: { ALICE: "same" } });
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
  const { hosts } = prepared.document as unknown as Prepared;
  return hosts[0].basic_auth.map(({ password }) => password);
}

describe("prepareDocument", () => {
  it("hashes passwords on the operator's machine, unchanged ones to the same hashes", async () => {
    const [alice = "", bob = ""] = await passwords(ROOT_KEY);
    expect(await verifyPassword("same", alice)).toBe(true);
    expect(await verifyPassword("same", bob)).toBe(true);
    expect(alice).not.toBe(bob);
    expect(await passwords(ROOT_KEY)).toEqual([alice, bob]);
  });

  it("needs no root key for passwords: their salts are random then", async () => {
    const [first = ""] = await passwords(undefined);
    const [second = ""] = await passwords(undefined);
    expect(first).not.toBe(second);
    expect(await verifyPassword("same", second)).toBe(true);
  });
});
