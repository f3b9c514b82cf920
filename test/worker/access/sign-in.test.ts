import { describe, expect, it } from "vitest";
import { tokenVerifier } from "../../../shared/config/secrets.ts";
import { SIGN_IN_LIMITS } from "../../../shared/limits.ts";
import { readCredentials } from "../../../worker/access/credentials.ts";
import { checkPassword, hashPassword } from "../../../worker/access/passwords.ts";
import { signInRule } from "../../../worker/access/sign-in.ts";
import { callOf, hostOf, refusal } from "./support.ts";

const ALICE = hashPassword("wonderland", undefined);
const BOB = hashPassword("käse:mit:löchern", undefined);
const TOKEN = "a-token-of-16-characters-or-more";

const users = [
  { user: "alice", password: ALICE },
  { user: "bob", password: BOB },
];

let addresses = 0;

/** A client that nobody holds anything against. */
function newClient(): string {
  addresses++;
  return `198.51.${addresses >> 8}.${addresses & 255}`;
}

function basic(user: string, password: string): Record<string, string> {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

async function codeOf(
  gate: ReturnType<typeof signInRule>,
  headers: Record<string, string>,
  clientIp = newClient(),
) {
  const call = callOf({ headers, clientIp });
  return { code: (await refusal(gate, call))?.code, user: call.user };
}

describe("signInRule", () => {
  it("makes no gate for a host without users and tokens", () => {
    expect(signInRule(hostOf({}))).toBeUndefined();
  });

  it("asks for what the host takes, by its realm", async () => {
    const fields = async (host: Record<string, unknown>) =>
      (await refusal(signInRule(hostOf(host)), callOf()))?.fields?.["WWW-Authenticate"];
    const bearer = [{ name: "ci", token: await tokenVerifier(TOKEN) }];
    expect(await fields({ basic_auth: users, realm: 'the "inner" \\ part' })).toBe(
      'Basic realm="the \\"inner\\" \\\\ part", charset="UTF-8"',
    );
    expect(await fields({ bearer })).toBe('Bearer realm="causeway"');
    expect(await fields({ basic_auth: users, bearer })).toBe(
      'Basic realm="causeway", charset="UTF-8", Bearer realm="causeway"',
    );
  });

  it("lets each user in with the right password, and names the user", async () => {
    const gate = signInRule(hostOf({ basic_auth: users }));
    expect(await codeOf(gate, basic("alice", "wonderland"))).toEqual({ code: undefined, user: "alice" });
    expect(await codeOf(gate, basic("bob", "käse:mit:löchern"))).toEqual({ code: undefined, user: "bob" });
    expect(await codeOf(gate, basic("alice", "käse:mit:löchern"))).toEqual({
      code: "sign_in_required",
      user: "",
    });
    expect((await codeOf(gate, basic("mallory", "wonderland"))).code).toBe("sign_in_required");
    expect((await codeOf(gate, basic("alice", ""))).code).toBe("sign_in_required");
  });

  it("lets holders of tokens in beside users", async () => {
    const bearer = [{ name: "ci", token: await tokenVerifier(TOKEN) }];
    const gate = signInRule(hostOf({ basic_auth: users, bearer }));
    expect(await codeOf(gate, { authorization: `Bearer ${TOKEN}` })).toEqual({ code: undefined, user: "ci" });
    expect(await codeOf(gate, { authorization: `bearer ${TOKEN}` })).toEqual({ code: undefined, user: "ci" });
    expect((await codeOf(gate, { authorization: `Bearer ${TOKEN}x` })).code).toBe("sign_in_required");
    expect(await codeOf(gate, basic("alice", "wonderland"))).toEqual({ code: undefined, user: "alice" });
  });

  it("takes a verifier for no token, and a hash for no password", async () => {
    const verifier = await tokenVerifier(TOKEN);
    const gate = signInRule(hostOf({ basic_auth: users, bearer: [{ name: "ci", token: verifier }] }));
    expect((await codeOf(gate, { authorization: `Bearer ${verifier}` })).code).toBe("sign_in_required");
    expect((await codeOf(gate, basic("alice", ALICE))).code).toBe("sign_in_required");
  });

  it("makes a guesser wait, right or not, and nobody else", async () => {
    const gate = signInRule(hostOf({ bearer: [{ name: "ci", token: await tokenVerifier(TOKEN) }] }));
    const guesser = newClient();
    for (let i = 0; i <= SIGN_IN_LIMITS.FREE_FAILURES; i++)
      expect((await codeOf(gate, { authorization: `Bearer guess-${i}` }, guesser)).code).toBe(
        "sign_in_required",
      );
    const call = callOf({ headers: { authorization: `Bearer ${TOKEN}` }, clientIp: guesser });
    const refused = await refusal(gate, call);
    expect(refused?.code).toBe("sign_in_limited");
    expect(Number(refused?.fields?.["Retry-After"])).toBeGreaterThanOrEqual(1);
    expect((await codeOf(gate, { authorization: `Bearer ${TOKEN}` })).code).toBeUndefined();
  });

  it("counts a wrong credential that a program repeats once", async () => {
    const gate = signInRule(hostOf({ basic_auth: users }));
    const client = newClient();
    for (let i = 0; i < 4 * SIGN_IN_LIMITS.FREE_FAILURES; i++)
      expect((await codeOf(gate, basic("alice", "of old"), client)).code).toBe("sign_in_required");
  });

  it("holds nothing against who has not signed in yet, or presents what cannot be read", async () => {
    const gate = signInRule(hostOf({ basic_auth: users }));
    const client = newClient();
    for (const authorization of [
      "",
      "Basic",
      "Basic ***",
      "Basic YQ==",
      "Digest x=1",
      `Basic ${"A".repeat(9_999)}`,
    ])
      for (let i = 0; i < 4; i++)
        expect((await codeOf(gate, { authorization }, client)).code).toBe("sign_in_required");
  });
});

describe("checkPassword", () => {
  const now = Date.now() + 3_600_000;

  it("runs scrypt once for a right password, and for a wrong one that comes again", () => {
    const ask = (password: string) => checkPassword({ user: "alice", password, stored: ALICE }, ALICE, now);
    expect(ask("wonderland")).toBe("right");
    expect(ask("nonsense")).toBe("wrong");
    const startedAt = performance.now();
    for (let i = 0; i < 200; i++) expect([ask("wonderland"), ask("nonsense")]).toEqual(["right", "repeated"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it("recognises a password in whatever normal form it is sent", () => {
    const forms = ["NFC", "NFD"].map((form) => "k\u00e4se:mit:l\u00f6chern".normalize(form));
    const ask = (password: string) => checkPassword({ user: "bob", password, stored: BOB }, ALICE, now);
    expect(forms.map(ask)).toEqual(["right", "right"]);
    const startedAt = performance.now();
    for (let i = 0; i < 100; i++) expect(forms.map(ask)).toEqual(["right", "right"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it("recognises the users of one hash by turns", () => {
    const ask = (user: string) => checkPassword({ user, password: "wonderland", stored: ALICE }, ALICE, now);
    expect(["alice", "alias"].map(ask)).toEqual(["right", "right"]);
    const startedAt = performance.now();
    for (let i = 0; i < 100; i++) expect(["alice", "alias"].map(ask)).toEqual(["right", "right"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it("never takes a password that is right for one user for another user's", () => {
    expect(checkPassword({ user: "eve", password: "wonderland", stored: undefined }, ALICE, now)).toBe(
      "wrong",
    );
    expect(checkPassword({ user: "bob", password: "wonderland", stored: BOB }, ALICE, now)).toBe("wrong");
  });

  it("bounds the scrypt that wrong passwords use up, and lets the known ones in meanwhile", () => {
    const later = now + 3_600_000;
    const guess = (n: number, at: number) =>
      checkPassword({ user: "alice", password: `guess ${n}`, stored: ALICE }, ALICE, at);
    const verdicts = Array.from({ length: SIGN_IN_LIMITS.WRONG_BURST + 20 }, (_, n) => guess(n, later));
    expect(verdicts.filter((verdict) => verdict === "wrong")).toHaveLength(SIGN_IN_LIMITS.WRONG_BURST);
    expect(verdicts.at(-1)).toBe("busy");
    expect(checkPassword({ user: "alice", password: "wonderland", stored: ALICE }, ALICE, later)).toBe(
      "right",
    );
    expect(guess(1_000, later + SIGN_IN_LIMITS.WRONG_REFILL_MS)).toBe("wrong");
    expect(guess(1_001, later + SIGN_IN_LIMITS.WRONG_REFILL_MS)).toBe("busy");
  });
});

describe("readCredentials", () => {
  it("splits a user from a password at the first colon", () => {
    expect(readCredentials(`Basic ${btoa("a:b:c")}`)).toEqual({
      scheme: "basic",
      user: "a",
      password: "b:c",
    });
    expect(readCredentials(`BASIC   ${btoa(":")}`)).toEqual({ scheme: "basic", user: "", password: "" });
  });

  it("reads nothing that is no UTF-8, or two schemes at once", () => {
    expect(readCredentials(`Basic ${btoa("a:\xff")}`)).toBeUndefined();
    expect(readCredentials(`Basic ${btoa("a:b")}, Bearer x`)).toBeUndefined();
  });
});
