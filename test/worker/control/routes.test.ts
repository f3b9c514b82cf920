import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, bearer, errorCode, push, send, testDocument, testEnv, upgrade } from "./support.ts";

describe("/health", () => {
  it("answers before any configuration was pushed", async () => {
    const response = await send("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok" });
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it("answers HEAD", async () => {
    const response = await send("/health", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });
});

describe("/ready", () => {
  it("is 503 until a configuration is loaded, then 200, and says why to token holders only", async () => {
    const before = await send("/ready");
    expect(before.status).toBe(503);
    expect(before.headers.has("retry-after")).toBe(true);
    expect(await before.json()).toEqual({ ready: false });
    const detail = await send("/ready", bearer(ADMIN_TOKEN));
    expect(await detail.json()).toMatchObject({
      ready: false,
      checks: { config: "config_unavailable", stats: "ok" },
    });

    await push(await testDocument());
    await expect.poll(async () => (await send("/ready")).status, { timeout: 10_000 }).toBe(200);
    const after = await send("/ready", bearer(ADMIN_TOKEN));
    expect(await after.json()).toMatchObject({
      ready: true,
      config_version: expect.any(Number),
      checks: { config: "ok", directory: "ok", stats: "ok", relays: "ok" },
    });
  });

  it("refuses a wrong token instead of hiding the mistake", async () => {
    expect((await send("/ready", bearer("wrong-token-wrong-token"))).status).toBe(401);
  });
});

describe("/metrics", () => {
  it("gives Prometheus what is counted, to holders of a token only", async () => {
    expect((await send("/metrics")).status).toBe(401);
    const response = await send("/metrics", bearer(ADMIN_TOKEN));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toMatch(/^# TYPE causeway_requests_total counter$/m);
  });
});

describe("the control plane's routes", () => {
  beforeAll(async () => {
    await push(await testDocument());
  });

  it("answer an unknown API path with JSON, whatever the client accepts", async () => {
    for (const path of ["/api", "/api/", "/api/nothing", "/api/stats/", "/api/configs"]) {
      const response = await send(path, { headers: { Accept: "text/html" } });
      expect([path, response.status, response.headers.get("content-type")]).toEqual([
        path,
        404,
        "application/json",
      ]);
      expect(await errorCode(response)).toBe("not_found");
    }
  });

  it.each([
    ["/api/stats", "POST", "GET, HEAD"],
    ["/api/config", "DELETE", "GET, HEAD, PUT"],
    ["/api/session", "PUT", "GET, HEAD, POST, DELETE"],
    ["/api/tickets", "OPTIONS", "POST"],
    ["/health", "POST", "GET, HEAD"],
    ["/", "POST", "GET, HEAD"],
  ])("answer %s %s with 405 and Allow", async (path, method, allow) => {
    const response = await send(path, { method, ...bearer(ADMIN_TOKEN) });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("read dot segments like everybody else does", async () => {
    expect((await send("http://control.test:8787/x/../api/stats")).status).toBe(401);
  });

  it("answer a plain GET of a WebSocket path with 426", async () => {
    for (const path of ["/api/stats/ws", "/relay/connect"]) {
      const response = await send(path, bearer(ADMIN_TOKEN));
      expect(response.status).toBe(426);
      expect(response.headers.get("upgrade")).toBe("websocket");
    }
  });

  it("answer with the code of an object that is full", async () => {
    const full = {
      fetch: async () => Response.json({ error: { code: "too_many_viewers" } }, { status: 503 }),
    };
    const env = { ...testEnv, STATS: { getByName: () => full } as unknown as typeof testEnv.STATS };
    const init = upgrade({ Authorization: `Bearer ${ADMIN_TOKEN}` });
    const response = await send("/api/stats/ws", init, env);
    expect([response.status, await errorCode(response)]).toEqual([503, "too_many_viewers"]);
  });

  it("answer what an object failed at with 503", async () => {
    const broken = { fetch: () => Promise.reject(new Error("object token-hunter2 is overloaded")) };
    const env = { ...testEnv, STATS: { getByName: () => broken } as unknown as typeof testEnv.STATS };
    const response = await send("/api/stats/ws", upgrade({ Authorization: `Bearer ${ADMIN_TOKEN}` }), env);
    expect(response.status).toBe(503);
    const text = await response.text();
    expect(text).toContain("object_unreachable");
    expect(text).not.toContain("hunter2");
  });
});

describe("/api/connections", () => {
  it("filters by service and kind, and bounds the list", async () => {
    const flow = { client: "203.0.113.7", target: "", user: "", started_at: 1, up: 0, down: 0 };
    const connections = [
      { ...flow, id: "1", kind: "http", service: "a.test" },
      { ...flow, id: "2", kind: "ws", service: "a.test" },
      { ...flow, id: "3", kind: "ws", service: "b.test" },
    ];
    const stub = { snapshot: async () => ({ at: 7, active: 3, connections }) };
    const env = { ...testEnv, STATS: { getByName: () => stub } as unknown as typeof testEnv.STATS };
    const list = async (query: string) => {
      const response = await send(`/api/connections${query}`, bearer(ADMIN_TOKEN), env);
      const body = await response.json<{
        connections?: { id: string }[];
        active: number;
        matching: number;
      }>();
      return { status: response.status, ids: body.connections?.map(({ id }) => id), matching: body.matching };
    };
    expect(await list("")).toEqual({ status: 200, ids: ["1", "2", "3"], matching: 3 });
    expect(await list("?kind=ws")).toEqual({ status: 200, ids: ["2", "3"], matching: 2 });
    expect(await list("?kind=ws&service=a.test")).toEqual({ status: 200, ids: ["2"], matching: 1 });
    expect(await list("?limit=1")).toEqual({ status: 200, ids: ["1"], matching: 3 });
    for (const query of ["?limit=0", "?limit=-1", "?limit=1e9", "?limit=99999", "?kind=ftp"])
      expect((await list(query)).status).toBe(400);
  });
});
