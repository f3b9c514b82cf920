// Who gets in to channels, through the whole Worker. A path that no channel has tells: 404 is the answer to who was let in.

import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { tokenVerifier } from "../../../../shared/config/secrets.ts";
import { VIEWER_LIMITS } from "../../../../shared/limits.ts";
import { fingerprintOf } from "../../../../shared/viewers/token.ts";
import { errorCode, send, testEnv } from "../../control/support.ts";
import { ALICE, aliceToken, answer, ask, configure, NEW, OLD, token } from "./support.ts";

const IN = "404 not_found";

beforeAll(() => configure());
beforeEach(() => vi.restoreAllMocks());

/** Lets more time pass, once the object has heard of what was before. */
async function later(ms: number): Promise<void> {
  await testEnv.CHANNEL.getByName("ch_paid").audience({ limit: 0, sessions: [] });
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + ms);
}

describe("a channel with access = token", () => {
  it("is not served without a token, or with a wrong one", async () => {
    expect(await answer("ch_paid/none")).toBe("403 token_required");
    expect(await answer("ch_paid/t.none")).toBe("403 token_required");
    expect(await answer("ch_paid/t./none")).toBe("403 token_invalid");
    expect(await answer("ch_paid/t.a.b.c/none")).toBe("403 token_invalid");
    expect(
      await answer(`ch_paid/t.${await token({}, { id: "old", key: "another-key-of-these-tests" })}/none`),
    ).toBe("403 token_invalid");
  });

  it("is served with one, below which relative children resolve", async () => {
    const signed = await token();
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/b/dir/none`)).toBe(IN);
  });

  it("takes one token, not another channel's, and no second one below", async () => {
    expect(await answer(`ch_other/t.${await token()}/none`)).toBe("403 token_invalid");
    expect(await answer(`ch_paid/t.${await token()}/t.${await token()}/seg.ts`)).toBe(IN);
  });

  it("answers a preflight and an unknown channel before any token", async () => {
    expect((await send("/proxy/ch_paid/none", { method: "OPTIONS" })).status).toBe(204);
    expect(await answer("ch_none/t.a.b.c/none")).toBe("404 channel_unknown");
  });

  it("holds a token to the address it was made for", async () => {
    const v4 = await token({ network: "203.0.113.7" });
    expect(await answer(`ch_paid/t.${v4}/none`)).toBe(IN);
    expect(await answer(`ch_paid/t.${v4}/none`, { ip: "203.0.113.8" })).toBe("403 token_ip");
    const v6 = await token({ network: "2001:db8:0:1::" });
    expect(await answer(`ch_paid/t.${v6}/none`, { ip: "2001:db8:0:1:ffff::2" })).toBe(IN);
    expect(await answer(`ch_paid/t.${v6}/none`, { ip: "2001:db8:0:2::2" })).toBe("403 token_ip");
  });

  it("takes tokens of every configured key, and of none that was taken out", async () => {
    await configure({ keys: [NEW, OLD] });
    expect(await answer(`ch_paid/t.${await token({}, OLD)}/none`)).toBe(IN);
    expect(await answer(`ch_paid/t.${await token({}, NEW)}/none`)).toBe(IN);
    await configure({ keys: [NEW] });
    expect(await answer(`ch_paid/t.${await token({}, OLD)}/none`)).toBe("403 token_invalid");
    await configure();
  });
});

describe("a token's expiry", () => {
  it("keeps watching from beginning, and lets who watches go on", async () => {
    const signed = await token({ expiresAt: Date.now() + 5_000 });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
    await later(20_000);
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "203.0.113.9" })).toBe("403 token_expired");
    await later(VIEWER_LIMITS.RESUME_MS - 100);
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
    await later(VIEWER_LIMITS.RESUME_MS + 100);
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 token_expired");
  });
});

describe("an expired token of a subscriber", () => {
  it("takes no place of the subscriber's", async () => {
    await configure({ viewers: [{ name: "bob", token: ALICE, max_connections: 1 }] });
    const viewer = { name: "bob", fingerprint: fingerprintOf(await tokenVerifier(ALICE)) };
    const old = await token({ viewer, expiresAt: Date.now() - 1_000 });
    expect(await answer(`ch_paid/t.${old}/none`, { ip: "192.0.2.1" })).toBe("403 token_expired");
    const good = await token({ viewer });
    expect(await answer(`ch_paid/t.${good}/none`, { ip: "192.0.2.2" })).toBe(IN);
    expect(await answer(`ch_paid/t.${good}/none`, { ip: "192.0.2.1" })).toBe("429 viewer_limit");
    await configure();
  });
});

describe("a token with a session", () => {
  it("belongs to the client that uses it", async () => {
    const signed = await token({ session: "one" });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "203.0.113.9" })).toBe("403 token_in_use");
    expect(await answer(`ch_paid/t.${signed}/none`, { agent: "Other/1" })).toBe(IN);
    await later(VIEWER_LIMITS.ACTIVE_MS + 1_000);
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "203.0.113.9" })).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 token_in_use");
  });
});

describe("limits on viewers", () => {
  it("hold for a token by its clients", async () => {
    const signed = await token({ places: 2 });
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "198.51.100.1" })).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "198.51.100.2" })).toBe(IN);
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "198.51.100.3" })).toBe("429 viewer_limit");
    expect(await answer(`ch_paid/t.${signed}/none`, { ip: "198.51.100.1" })).toBe(IN);
  });

  it("hold for a public channel by address and player, and end with silence", async () => {
    expect(await answer("ch_small/none", { ip: "198.51.100.1" })).toBe(IN);
    const refused = await ask("ch_small/none", { ip: "198.51.100.2" });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe(String(VIEWER_LIMITS.RETRY_AFTER_S));
    expect(await errorCode(refused)).toBe("viewers_exceeded");
    expect(await answer("ch_small/none", { ip: "198.51.100.1" })).toBe(IN);
    await later(VIEWER_LIMITS.ACTIVE_MS + 1_000);
    expect(await answer("ch_small/none", { ip: "198.51.100.2" })).toBe(IN);
  });

  it("cannot be used up by one address that calls itself many players", async () => {
    for (let n = 0; n < VIEWER_LIMITS.NETWORK_PLACES + 20; n++)
      await ask("ch_hall/none", { ip: "198.51.100.66", agent: `Made-up/${n}` });
    const hostile = await ask("ch_hall/none", { ip: "198.51.100.66", agent: "One-more/1" });
    expect(hostile.status).toBe(503);
    for (const ip of ["198.51.100.1", "198.51.100.2"]) expect(await answer("ch_hall/none", { ip })).toBe(IN);
    expect(await answer("ch_hall/none", { ip: "198.51.100.3" })).toBe("503 viewers_exceeded");
  });

  it("hold for a subscriber over all channels, and let one client change channels", async () => {
    await configure({ alice: { max_connections: 1 } });
    const paid = await aliceToken();
    const cinema = await aliceToken({ channel: "ch_cinema" });
    expect(await answer(`ch_paid/t.${paid}/none`)).toBe(IN);
    expect(await answer(`ch_cinema/t.${cinema}/none`, { ip: "198.51.100.9" })).toBe("429 viewer_limit");
    expect(await answer(`ch_cinema/t.${cinema}/none`)).toBe(IN);
    expect(await answer(`ch_cinema/t.${await token({ channel: "ch_cinema" })}/none`)).toBe(
      "503 viewers_exceeded",
    );
    await configure();
  });

  it("cost a channel without them no call of an object", async () => {
    const calls = vi.spyOn(testEnv.CHANNEL, "getByName");
    expect(await answer("ch_open/none")).toBe(IN);
    expect(await answer("ch_open/t.whatever/none")).toBe(IN);
    expect(calls).not.toHaveBeenCalled();
  });

  it("cost sessions that are known no call per request", async () => {
    const signed = await token({ places: 5 });
    await answer(`ch_paid/t.${signed}/none`);
    const calls = vi.spyOn(testEnv.CHANNEL, "getByName");
    for (let n = 0; n < 20; n++) await answer(`ch_paid/t.${signed}/none`);
    expect(calls.mock.calls.length).toBeLessThanOrEqual(1);
  });
});

describe("a subscriber's token", () => {
  it("is good for what the subscriber may watch", async () => {
    expect(await answer(`ch_paid/t.${await aliceToken()}/none`)).toBe(IN);
    expect(await answer(`ch_other/t.${await aliceToken({ channel: "ch_other" })}/none`)).toBe(
      "403 token_invalid",
    );
  });

  it("ends with the subscriber, a new secret, the last day and other addresses", async () => {
    const signed = await aliceToken();
    await configure({ alice: { allow: ["198.51.100.0/24"] } });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 token_ip");
    await configure({ alice: { expires: "2020-01-01" } });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 user_expired");
    await configure({ alice: { token: "alices-new-secret-in-addresses" } });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 token_invalid");
    await configure({ viewers: [] });
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe("403 token_invalid");
    await configure();
    expect(await answer(`ch_paid/t.${signed}/none`)).toBe(IN);
  });
});
