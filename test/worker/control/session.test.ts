// Threats: replayed login links, forged and swapped cookies, another site acting with the visitor's cookie.

import { beforeAll, describe, expect, it, vi } from "vitest";
import { tokenVerifier } from "../../../shared/config/secrets.ts";
import { CONTROL_LIMITS } from "../../../shared/limits.ts";
import { sign } from "../../../worker/control/signed.ts";
import {
  ADMIN_TOKEN,
  bearer,
  CONTROL,
  closeSocket,
  cookieOf,
  errorCode,
  OPERATOR_TOKEN,
  post,
  push,
  send,
  signIn,
  testDocument,
  testEnv,
  upgrade,
  VIEWER_TOKEN,
} from "./support.ts";

beforeAll(async () => {
  await push(await testDocument());
});

async function loginCode(body: unknown = {}): Promise<string> {
  const response = await send("/api/login-codes", post(body, bearer(ADMIN_TOKEN).headers));
  return (await response.json<{ code: string }>()).code;
}

describe("login codes", () => {
  it("are traded once for a session of the admin", async () => {
    const code = await loginCode();
    const first = await send("/api/session", post({ code }, { Origin: CONTROL }));
    expect(first.status).toBe(200);
    expect(await first.json()).toMatchObject({ name: "admin", role: "admin" });
    const cookie = cookieOf(first);
    expect((await send("/api/stats", { headers: { Cookie: cookie } })).status).toBe(200);
    const second = await send("/api/session", post({ code }));
    expect(second.status).toBe(401);
    expect(await errorCode(second)).toBe("login_code_invalid");
    expect(second.headers.has("set-cookie")).toBe(false);
  });

  it("are won by one of many that try at once", async () => {
    const code = await loginCode();
    const attempts = await Promise.all(Array.from({ length: 8 }, () => send("/api/session", post({ code }))));
    expect(attempts.filter((response) => response.status === 200)).toHaveLength(1);
  });

  it("can be made for a lower role", async () => {
    const code = await loginCode({ role: "viewer" });
    const cookie = cookieOf(await send("/api/session", post({ code })));
    expect((await send("/api/stats", { headers: { Cookie: cookie } })).status).toBe(200);
    expect((await send("/api/config", { headers: { Cookie: cookie } })).status).toBe(403);
  });

  it("expire", async () => {
    const expired = await sign(testEnv, "login", {
      id: "expired",
      exp: Date.now() - 1,
      role: "admin",
    } as { exp: number });
    expect((await send("/api/session", post({ code: expired }))).status).toBe(401);
  });

  it("are not made up, and neither tickets nor cookies pass for one", async () => {
    const cookie = (await signIn()).replace(/^causeway=/, "");
    const claims = { id: "x", path: "/api/stats/ws", exp: Date.now() + 1_000, role: "admin" };
    for (const code of [
      "",
      "a.b",
      `${btoa(JSON.stringify(claims))}.AAAA`,
      cookie,
      await sign(testEnv, "ticket", claims),
    ])
      expect((await send("/api/session", post({ code }))).status).toBe(401);
  });
});

describe("sessions", () => {
  it("live in a cookie that scripts and other sites cannot use", async () => {
    const response = await send("/api/session", post({ token: ADMIN_TOKEN }));
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(cookie).toContain(`Max-Age=${CONTROL_LIMITS.SESSION_TTL_MS / 1000};`);
    expect(cookie).not.toContain(ADMIN_TOKEN);
  });

  it("are tied to the host and to TLS where there is TLS", async () => {
    const response = await send("https://control.test/api/session", post({ token: ADMIN_TOKEN }));
    expect(response.headers.get("set-cookie")).toMatch(/^__Host-causeway=.*; Path=\/; .*; Secure$/);
  });

  it("do not start with a wrong token, and the answer does not repeat it", async () => {
    const response = await send("/api/session", post({ token: "wrong-token-wrong-token" }));
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain("wrong-token");
  });

  it("do not start from another site's page", async () => {
    const response = await send(
      "/api/session",
      post({ token: ADMIN_TOKEN }, { Origin: "https://evil.test" }),
    );
    expect(response.status).toBe(403);
    expect(response.headers.has("set-cookie")).toBe(false);
  });

  it("are refused when any character was changed", async () => {
    const cookie = await signIn();
    const value = cookie.slice("causeway=".length);
    const dot = value.indexOf(".");
    for (const place of [0, 5, dot - 1, dot, dot + 1, dot + 20]) {
      const changed = value.slice(0, place) + (value[place] === "A" ? "B" : "A") + value.slice(place + 1);
      const response = await send("/api/stats", { headers: { Cookie: `causeway=${changed}` } });
      expect(response.status).toBe(401);
    }
  });

  it("are refused when the claims were swapped under another's signature", async () => {
    const [payload] = (await signIn(VIEWER_TOKEN)).slice("causeway=".length).split(".");
    const [, mac] = (await signIn(ADMIN_TOKEN)).slice("causeway=".length).split(".");
    expect((await send("/api/stats", { headers: { Cookie: `causeway=${payload}.${mac}` } })).status).toBe(
      401,
    );
  });

  it("are refused when two cookies of the name came: one of them was planted", async () => {
    const cookie = await signIn();
    expect((await send("/api/stats", { headers: { Cookie: `${cookie}; causeway=x` } })).status).toBe(401);
  });

  it("end by themselves", async () => {
    const cookie = await signIn();
    vi.useFakeTimers({ now: Date.now() + CONTROL_LIMITS.SESSION_TTL_MS + 1_000, toFake: ["Date"] });
    try {
      expect((await send("/api/stats", { headers: { Cookie: cookie } })).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  it("end when the admin's token or the root key changes", async () => {
    const cookie = await signIn();
    const headers = { Cookie: cookie };
    for (const changed of [
      { ADMIN_TOKEN: `${ADMIN_TOKEN}-rotated` },
      { ROOT_KEY: "_-ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" },
    ])
      expect((await send("/api/stats", { headers }, { ...testEnv, ...changed })).status).toBe(401);
  });

  it("end when the token behind them is replaced, and follow it when its role changes", async () => {
    const headers = { Cookie: await signIn(OPERATOR_TOKEN) };
    const status = async () => (await send("/api/config", { headers })).status;
    expect(await status()).toBe(200);
    const token = await tokenVerifier(OPERATOR_TOKEN);
    await push(await testDocument({ edge: { tokens: [{ name: "ops", role: "viewer", token }] } }));
    expect(await status()).toBe(403);
    const other = await tokenVerifier("another-token-of-the-same-name");
    await push(await testDocument({ edge: { tokens: [{ name: "ops", role: "operator", token: other }] } }));
    expect(await status()).toBe(401);
    await push(await testDocument());
    expect(await status()).toBe(200);
  });

  it("are removed from the browser by DELETE", async () => {
    const response = await send("/api/session", {
      method: "DELETE",
      headers: { Cookie: await signIn(), Origin: CONTROL },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("set-cookie")).toMatch(/^causeway=; .*Max-Age=0/);
  });
});

describe("requests that a cookie authorises", () => {
  const put = { method: "PUT", body: "{}" };

  it.each([
    ["another site", { Origin: "https://evil.test" }],
    ["a sibling port, which SameSite lets through", { Origin: "http://control.test:8085" }],
    ["a sandboxed frame", { Origin: "null" }],
    ["nobody who says where from", {}],
  ])("change nothing when they come from %s", async (_, more) => {
    const headers = { Cookie: await signIn(), ...(more as Record<string, string>) };
    for (const [path, init] of [
      ["/api/config", put],
      ["/api/tickets", post({ path: "/api/stats/ws" })],
      ["/api/login-codes", post({})],
    ] as [string, RequestInit][]) {
      const response = await send(path, { ...init, headers });
      expect([path, response.status, await errorCode(response)]).toEqual([path, 403, "origin_refused"]);
    }
  });

  it("may change things from the page", async () => {
    const headers = { Cookie: await signIn(), Origin: CONTROL };
    expect((await send("/api/tickets", { ...post({ path: "/api/stats/ws" }), headers })).status).toBe(201);
  });

  it("open WebSockets from the page only", async () => {
    const Cookie = await signIn();
    const own = await send("/api/stats/ws", upgrade({ Cookie, Origin: CONTROL }));
    expect(own.status).toBe(101);
    closeSocket(own);
    expect((await send("/api/stats/ws", upgrade({ Cookie, Origin: "https://evil.test" }))).status).toBe(403);
    expect((await send("/api/stats/ws", upgrade({ Cookie }))).status).toBe(403);
  });
});
