import { randomBytes, scryptSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hashPassword, verifyPassword } from "../../relay/password.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";

/** A hash of the lowest cost the schema takes, so that tests stay quick. */
function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 1_024, r: 8, p: 1 });
  return `scrypt:10:8:1:${salt.toString("base64url")}:${hash.toString("base64url")}`;
}

describe("hashPassword", () => {
  it("salts: the same password never hashes the same", async () => {
    const [one, two] = await Promise.all([hashPassword("secret"), hashPassword("secret")]);
    expect(one).not.toBe(two);
    expect(await verifyPassword("secret", one)).toBe(true);
    expect(await verifyPassword("Secret", one)).toBe(false);
  });
});

describe("verifyPassword", () => {
  it("agrees with scrypt itself", async () => {
    const stored = cheapHash("secret");
    expect(await verifyPassword("secret", stored)).toBe(true);
    expect(await verifyPassword("secreT", stored)).toBe(false);
  });

  it("still refuses wrong passwords after a right one was remembered, and right ones of other users", async () => {
    const stored = cheapHash("secret");
    const other = cheapHash("other");
    expect(await verifyPassword("secret", stored)).toBe(true);
    expect(await verifyPassword("wrong", stored)).toBe(false);
    expect(await verifyPassword("secret", other)).toBe(false);
    expect(await verifyPassword("secret", stored)).toBe(true);
  });

  it.each(["", "scrypt:30:8:1:AAAA:BBBB", `scrypt:20:8:1:${"a".repeat(22)}:${"b".repeat(43)}`, "env:NAME"])(
    "takes nothing for a hash that the schema would refuse: %j",
    async (stored) => {
      expect(await verifyPassword("secret", stored)).toBe(false);
    },
  );

  it("checks one password once for any number of simultaneous sign-ins", async () => {
    const stored = cheapHash("secret");
    const many = RELAY_LIMITS.SCRYPT_CONCURRENCY + RELAY_LIMITS.SCRYPT_QUEUE + 100;
    const checks = await Promise.all(Array.from({ length: many }, () => verifyPassword("secret", stored)));
    expect(new Set(checks)).toEqual(new Set([true]));
  });

  it("refuses further checks when too many are waiting, and works again afterwards", async () => {
    const stored = cheapHash("secret");
    const running = RELAY_LIMITS.SCRYPT_CONCURRENCY + RELAY_LIMITS.SCRYPT_QUEUE;
    const checks = await Promise.allSettled(
      Array.from({ length: running + 3 }, (_, n) => verifyPassword(`wrong ${n}`, stored)),
    );
    const refused = checks.filter((check) => check.status === "rejected");
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({ reason: { code: "sign_in_busy" } });
    expect(await verifyPassword("secret", stored)).toBe(true);
  });
});
