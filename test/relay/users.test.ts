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
});
