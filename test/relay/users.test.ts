import { describe, expect, it, vi } from "vitest";
import { Users } from "../../relay/users.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";

function usersWith(now: () => number = () => 0) {
  const verify = vi.fn(async (password: string, stored: string) => `hash of ${password}` === stored);
  return { users: new Users([{ name: "alice", password: "hash of secret" }], { now, verify }), verify };
}

describe("Users", () => {
  it("lets the right password pass and refuses any other", async () => {
    const { users } = usersWith();
    await expect(users.signIn("alice", "secret", "10.0.0.1")).resolves.toBeUndefined();
    await expect(users.signIn("alice", "wrong", "10.0.0.1")).rejects.toMatchObject({
      code: "proxy_auth_required",
    });
  });

  it("does the same work for an unknown name, and refuses it even with a known password", async () => {
    const { users, verify } = usersWith();
    await expect(users.signIn("mallory", "secret", "10.0.0.1")).rejects.toMatchObject({
      code: "proxy_auth_required",
    });
    expect(verify).toHaveBeenCalledTimes(1);
  });

  it("checks unknown names against any user's password, so that no cost of checking tells them apart", async () => {
    const stored = ["cheap", "dear", "dearest"];
    const verify = vi.fn(async () => false);
    const users = new Users(
      stored.map((password) => ({ name: password, password })),
      { now: () => 0, verify },
    );
    const checkedFor = async (name: string, client: string) => {
      verify.mockClear();
      await users.signIn(name, "wrong", client).catch(() => undefined);
      return (verify.mock.calls as unknown[][])[0]?.[1];
    };
    const checked = new Map<string, unknown>();
    for (let index = 0; index < 100; index++)
      checked.set(`nobody${index}`, await checkedFor(`nobody${index}`, `10.0.0.${index}`));
    expect(new Set(checked.values())).toEqual(new Set(stored));
    for (const [name, first] of checked)
      expect(await checkedFor(name, `10.1.0.${name.slice(6)}`)).toBe(first);
  });

  it("counts the failures of one IPv6 network together", async () => {
    const { users } = usersWith();
    for (let failed = 0; failed < RELAY_LIMITS.AUTH_FREE_FAILURES; failed++) {
      await users.signIn("alice", "wrong", `2001:db8:0:1::${failed}`).catch(() => undefined);
    }
    await expect(users.signIn("alice", "secret", "2001:db8:0:1:ffff::1")).rejects.toMatchObject({
      code: "sign_in_refused",
    });
    await expect(users.signIn("alice", "secret", "2001:db8:0:2::1")).resolves.toBeUndefined();
  });

  it("makes an address that keeps failing wait twice as long each time, without checking", async () => {
    const clock = { now: 0 };
    const { users, verify } = usersWith(() => clock.now);
    const fail = () =>
      users.signIn("alice", "wrong", "10.0.0.1").catch((error: { code: string }) => error.code);
    for (let failed = 0; failed < RELAY_LIMITS.AUTH_FREE_FAILURES; failed++) {
      expect(await fail()).toBe("proxy_auth_required");
    }
    const checked = verify.mock.calls.length;
    await expect(users.signIn("alice", "secret", "10.0.0.1")).rejects.toMatchObject({
      code: "sign_in_refused",
    });
    expect(verify).toHaveBeenCalledTimes(checked);
    await expect(users.signIn("alice", "secret", "10.0.0.2")).resolves.toBeUndefined();
    clock.now = RELAY_LIMITS.AUTH_BACKOFF_MIN_MS;
    expect(await fail()).toBe("proxy_auth_required");
    clock.now += 2 * RELAY_LIMITS.AUTH_BACKOFF_MIN_MS - 1;
    expect(await fail()).toBe("sign_in_refused");
    clock.now += 1;
    await expect(users.signIn("alice", "secret", "10.0.0.1")).resolves.toBeUndefined();
    expect(await fail()).toBe("proxy_auth_required");
  });

  it("checks no more different guesses of one address at once than may fail freely", async () => {
    const results: ((isRight: boolean) => void)[] = [];
    const verify = vi.fn(() => new Promise<boolean>((resolve) => results.push(resolve)));
    const users = new Users([{ name: "alice", password: "x" }], { now: () => 0, verify });
    const guess = (password: string, client = "10.0.0.1") => users.signIn("alice", password, client);
    const { AUTH_GUESSES_AT_ONCE } = RELAY_LIMITS;
    const waiting = Array.from({ length: AUTH_GUESSES_AT_ONCE }, (_, n) => guess(`guess ${n}`));
    await expect(guess("one more")).rejects.toMatchObject({ code: "sign_in_busy" });
    // The same one from another connection is no further guess, and another address has its own.
    waiting.push(guess("guess 0"), guess("one more", "10.0.0.2"));
    expect(verify).toHaveBeenCalledTimes(AUTH_GUESSES_AT_ONCE + 2);
    for (const answer of results) answer(false);
    for (const settled of await Promise.allSettled(waiting)) expect(settled.status).toBe("rejected");
    await expect(guess("later")).rejects.toMatchObject({ code: "sign_in_refused" });
  });
});
