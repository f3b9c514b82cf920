// Threats: somebody without the role who opens ports, a relay whose answers are not what they should be.

import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Answer, Order } from "../../../shared/control/orders.ts";
import type { Env } from "../../../worker/env.ts";
import type { ClosingOutcome } from "../../../worker/stats/object.ts";
import {
  ADMIN_TOKEN,
  bearer,
  errorCode,
  OPERATOR_TOKEN,
  post,
  push,
  send,
  testDocument,
  testEnv,
  VIEWER_TOKEN,
} from "./support.ts";

const INBOUND = {
  id: "socks 127.0.0.1:1081",
  kind: "socks",
  service: "main/socks",
  address: "127.0.0.1",
  port: 1081,
  listeners: 1,
  state: "running",
  origin: "order",
  auth: "none",
  connections: 0,
};

const order = vi.fn<(name: string, order: Order) => Promise<Answer>>();
const status = vi.fn<() => Promise<{ name: string; answer: Answer }[]>>();
const closeConnection = vi.fn<(id: string) => Promise<ClosingOutcome>>();
const env = {
  ...testEnv,
  RELAYS: { getByName: () => ({ order, status }) },
  STATS: { getByName: () => ({ closeConnection }) },
} as unknown as Env;

beforeAll(async () => {
  await push(await testDocument());
});

function ask(path: string, body: object, token = OPERATOR_TOKEN): Promise<Response> {
  return send(path, post(body, bearer(token).headers), env);
}

function remove(id: string, token = OPERATOR_TOKEN): Promise<Response> {
  return send(`/api/connections/${id}`, { method: "DELETE", ...bearer(token) }, env);
}

describe("/api/proxy", () => {
  it("starts an inbound at the only relay, and shows what the relay answers", async () => {
    order.mockResolvedValueOnce({ ok: true, report: INBOUND });
    const response = await ask("/api/proxy/start", { port: 1081, proxy_type: "socks5" });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ relay: "main", ...INBOUND });
    expect(order).toHaveBeenLastCalledWith("main", { do: "start", port: 1081, proxy_type: "socks" });
  });

  it("answers a relay's refusal with its code and sentence", async () => {
    order.mockResolvedValueOnce({ ok: false, error: { code: "port_taken", message: "Taken by another" } });
    const response = await ask("/api/proxy/start", { port: 1081, proxy_type: "mixed" });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({
      error: { code: "port_taken", message: "Taken by another" },
    });
  });

  it("stops and tests by the same way", async () => {
    order.mockResolvedValueOnce({ ok: true, report: { ...INBOUND, state: "draining" } });
    expect((await ask("/api/proxy/stop", { port: 1081, relay: "main" })).status).toBe(200);
    expect(order).toHaveBeenLastCalledWith("main", { do: "stop", port: 1081, mode: "drain" });
    const report = { ok: true, url: "http://x/", inbound: "i", bytes: 1, timing_ms: { total: 1 } };
    order.mockResolvedValueOnce({ ok: true, report });
    const tested = await ask("/api/proxy/test", { url: "http://x/" });
    expect(await tested.json()).toEqual({ relay: "main", ...report });
  });

  it.each([
    ["/api/proxy/start", { port: 70_000, proxy_type: "mixed" }, "bad_request"],
    ["/api/proxy/start", { port: 1, proxy_type: "ingress" }, "bad_request"],
    ["/api/proxy/start", { port: 1, proxy_type: "mixed", address: "host.test" }, "bad_request"],
    ["/api/proxy/start", { port: 1, proxy_type: "mixed", public: true }, "bad_request"],
    ["/api/proxy/stop", { port: 1, mode: "kill" }, "bad_request"],
    ["/api/proxy/test", { url: "javascript:alert(1)" }, "bad_request"],
    ["/api/proxy/test", { url: "http://x/", relay: "other" }, "relay_unknown"],
  ])("refuses %s with %j before any relay hears of it", async (path, body, code) => {
    order.mockClear();
    expect(await errorCode(await ask(path, body))).toBe(code);
    expect(order).not.toHaveBeenCalled();
  });

  it("lets viewers look and operators act", async () => {
    order.mockClear();
    expect((await ask("/api/proxy/start", { port: 1, proxy_type: "mixed" }, VIEWER_TOKEN)).status).toBe(403);
    expect((await ask("/api/proxy/stop", { port: 1 }, VIEWER_TOKEN)).status).toBe(403);
    expect((await ask("/api/proxy/test", { url: "http://x/" }, VIEWER_TOKEN)).status).toBe(403);
    expect((await send("/api/proxy/start", post({}), env)).status).toBe(401);
    expect(order).not.toHaveBeenCalled();
    status.mockResolvedValueOnce([]);
    const response = await send("/api/proxy/status", bearer(VIEWER_TOKEN), env);
    expect(await response.json()).toEqual({ relays: [{ name: "main", connected: false }] });
  });

  it("shows each relay's inbounds, and why one does not tell them", async () => {
    const report = { name: "another", version: "1", started_at: 1, connections: 2, inbounds: [INBOUND] };
    status.mockResolvedValueOnce([{ name: "main", answer: { ok: true, report } }]);
    const up = await send("/api/proxy/status", bearer(ADMIN_TOKEN), env);
    expect(await up.json()).toEqual({ relays: [{ ...report, name: "main", connected: true }] });
    const error = { code: "relay_silent", message: "…" } as const;
    status.mockResolvedValueOnce([{ name: "main", answer: { ok: false, error } }]);
    const silent = await send("/api/proxy/status", bearer(ADMIN_TOKEN), env);
    expect(await silent.json()).toEqual({ relays: [{ name: "main", connected: true, error }] });
  });
});

describe("DELETE /api/connections/ID", () => {
  it.each([
    [{ is: "closed" }, 204],
    [{ is: "open" }, 409],
    [{ is: "unknown" }, 404],
    [{ is: "refused" }, 503],
  ] as const)("answers %j with %i", async (outcome, code) => {
    closeConnection.mockResolvedValueOnce(outcome);
    expect((await remove("iso-1")).status).toBe(code);
    expect(closeConnection).toHaveBeenLastCalledWith("iso-1");
  });

  it("has a relay's connection closed by that relay", async () => {
    closeConnection.mockResolvedValueOnce({ is: "relayed", relay: "main" });
    order.mockResolvedValueOnce({ ok: true, report: { closed: "life-1" } });
    expect((await remove("life-1")).status).toBe(204);
    expect(order).toHaveBeenLastCalledWith("main", { do: "close", connection: "life-1" });
  });

  it("is for operators, and knows no id that cannot be one", async () => {
    closeConnection.mockClear();
    expect((await remove("iso-1", VIEWER_TOKEN)).status).toBe(403);
    expect((await remove("%ff")).status).toBe(404);
    expect((await remove("x".repeat(300))).status).toBe(404);
    expect(closeConnection).not.toHaveBeenCalled();
  });
});
