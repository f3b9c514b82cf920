// Threats: guessed, foreign and too weak tokens; a token that travels back to the client or on to an object.

import { beforeAll, describe, expect, it } from "vitest";
import {
  ADMIN_TOKEN,
  bearer,
  CONTROL,
  closeSocket,
  errorCode,
  OPERATOR_TOKEN,
  push,
  RELAY_TOKEN,
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

function subprotocols(token: string): RequestInit {
  const encoded = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return upgrade({ "Sec-WebSocket-Protocol": `causeway.v1, bearer.${encoded}` });
}

describe("authorise by Authorization header", () => {
  it.each([
    ["the admin", ADMIN_TOKEN],
    ["an operator", OPERATOR_TOKEN],
    ["a viewer", VIEWER_TOKEN],
  ])("lets %s read stats, and forbids storing the answer", async (_, token) => {
    const response = await send("/api/stats", bearer(token));
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{12}-[0-9a-f]+$/);
  });

  it.each([
    ["no credentials", {}],
    ["a wrong token", bearer(`${ADMIN_TOKEN}x`)],
    ["a prefix of the token", bearer(ADMIN_TOKEN.slice(0, -1))],
    ["an empty token", { headers: { Authorization: "Bearer " } }],
    ["another scheme", { headers: { Authorization: `Basic ${btoa(`admin:${ADMIN_TOKEN}`)}` } }],
    ["a relay's token", bearer(RELAY_TOKEN)],
    ["a token in the query", {}, `?token=${ADMIN_TOKEN}&ticket=${ADMIN_TOKEN}`],
  ])("refuses %s with 401", async (_, init, query = "") => {
    const response = await send(`/api/stats${query}`, init);
    expect(response.status).toBe(401);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ error: { code: "unauthorized" } });
    expect(text).not.toContain(ADMIN_TOKEN);
  });

  it("forbids a viewer what an operator may, and an operator what the admin may", async () => {
    for (const [path, init] of [
      ["/api/config", {}],
      ["/api/config", { method: "PUT", body: "{}" }],
      ["/api/config/versions", {}],
      ["/api/config/rollback", { method: "POST", body: '{"version":1}' }],
    ] as [string, RequestInit][]) {
      const response = await send(path, { ...init, ...bearer(VIEWER_TOKEN) });
      expect([path, response.status, await errorCode(response)]).toEqual([path, 403, "forbidden"]);
    }
    const response = await send("/api/login-codes", { method: "POST", ...bearer(OPERATOR_TOKEN) });
    expect(response.status).toBe(403);
  });

  it("takes no admin token that is missing or too short to be safe", async () => {
    for (const weak of ["", "short"]) {
      const env = { ...testEnv, ADMIN_TOKEN: weak };
      const response = await send("/api/stats", bearer(weak), env);
      expect(response.status).toBe(503);
      expect(await errorCode(response)).toBe("secrets_missing");
    }
  });

  it("does not try the cookie when the header is wrong", async () => {
    const headers = { Authorization: "Bearer wrong-wrong-wrong-wrong", Cookie: await signIn() };
    expect((await send("/api/stats", { headers })).status).toBe(401);
  });
});

describe("authorise by subprotocol", () => {
  it("lets a token in and echoes only causeway.v1", async () => {
    const response = await send("/api/stats/ws", subprotocols(VIEWER_TOKEN));
    expect(response.status).toBe(101);
    expect(response.headers.get("sec-websocket-protocol")).toBe("causeway.v1");
    closeSocket(response);
  });

  it("names no subprotocol when none was offered", async () => {
    const response = await send("/api/stats/ws", upgrade({ Authorization: `Bearer ${VIEWER_TOKEN}` }));
    expect(response.status).toBe(101);
    expect(response.headers.has("sec-websocket-protocol")).toBe(false);
    closeSocket(response);
  });

  it("refuses a wrong token, an unreadable one, and one without causeway.v1", async () => {
    const encoded = btoa(ADMIN_TOKEN).replace(/=+$/, "");
    for (const offer of [
      "causeway.v1, bearer.d3Jvbmctd3Jvbmctd3Jvbmc",
      "causeway.v1, bearer.***",
      `bearer.${encoded}`,
    ]) {
      const response = await send("/api/stats/ws", upgrade({ "Sec-WebSocket-Protocol": offer }));
      expect(response.status).toBe(401);
    }
  });

  it("counts on WebSocket upgrades only", async () => {
    const encoded = btoa(ADMIN_TOKEN).replace(/=+$/, "");
    const headers = { "Sec-WebSocket-Protocol": `causeway.v1, bearer.${encoded}` };
    expect((await send("/api/stats", { headers })).status).toBe(401);
  });
});

describe("the Origin check on WebSockets", () => {
  it.each([
    ["another site", "https://evil.test"],
    ["a null origin", "null"],
    ["another port of the host", "http://control.test:9999"],
    ["a host that begins like ours", "http://control.test.evil.test:8787"],
    ["another control host", "http://other-control.test:8787"],
    ["text that is no origin", "control.test"],
  ])("refuses %s even with a good token", async (_, origin) => {
    const response = await send(
      "/api/stats/ws",
      upgrade({ Authorization: `Bearer ${ADMIN_TOKEN}`, Origin: origin }),
    );
    expect(response.status).toBe(403);
    expect(await errorCode(response)).toBe("origin_refused");
  });

  it("passes the page's own origin, and programs, which send none", async () => {
    for (const more of [{ Origin: CONTROL }, {}]) {
      const response = await send(
        "/api/stats/ws",
        upgrade({ Authorization: `Bearer ${ADMIN_TOKEN}`, ...more }),
      );
      expect(response.status).toBe(101);
      closeSocket(response);
    }
  });

  it("passes https: where a front ends TLS", async () => {
    const init = upgrade({ Authorization: `Bearer ${ADMIN_TOKEN}`, Origin: "https://control.test" });
    const response = await send("http://control.test/api/stats/ws", init);
    expect(response.status).toBe(101);
    closeSocket(response);
  });
});
