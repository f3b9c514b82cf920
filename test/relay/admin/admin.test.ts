// Threats: a page in a browser on this machine that reaches the admin API by a name of its own, a program without the token,
// clients that send too much or too slowly.

import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type AdminServer, startAdmin } from "../../../relay/admin/server.ts";
import { relayMetrics } from "../../../relay/metrics/relay-metrics.ts";
import type { InboundReport, StatusReport } from "../../../shared/control/orders.ts";
import { openSocks, type RunningRelay, startEcho, startRelay } from "../harness.ts";

const TOKEN = "admin-token-of-these-tests";

interface Api extends RunningRelay {
  readonly admin: AdminServer;
  readonly reload: ReturnType<typeof vi.fn<() => Promise<object>>>;
  call(
    method: string,
    path: string,
    init?: { headers?: Record<string, string>; body?: string },
  ): Promise<Reply>;
}

interface Reply {
  readonly status: number;
  readonly text: string;
  json(): Record<string, unknown>;
}

async function startApi(): Promise<Api> {
  const running = await startRelay();
  const { relay } = running;
  const reload = vi.fn(async (): Promise<object> => ({ kept: 1 }));
  const admin = await startAdmin("127.0.0.1:0", {
    token: TOKEN,
    obey: (order) => relay.obey(order),
    connections: () => relay.ledger.records(),
    stats: () => relay.stats(),
    metrics: () => relayMetrics(relay.stats()),
    reload,
  });
  onTestFinished(() => admin.stop());
  relay.reserve(admin);
  const call: Api["call"] = async (method, path, { headers = {}, body } = {}) => {
    const outgoing = request({ host: "127.0.0.1", port: admin.port, method, path, agent: false });
    outgoing.setHeader("Authorization", `Bearer ${TOKEN}`);
    for (const [name, value] of Object.entries(headers)) {
      if (value === "") outgoing.removeHeader(name);
      else outgoing.setHeader(name, value);
    }
    outgoing.end(body);
    const [reply] = await once(outgoing, "response");
    let text = "";
    for await (const chunk of reply) text += chunk;
    return { status: reply.statusCode, text, json: () => JSON.parse(text) };
  };
  return { ...running, admin, reload, call };
}

describe("the admin API", () => {
  it("says what runs, starts an inbound, tests through it and stops it", async () => {
    const { call } = await startApi();
    const status = (await call("GET", "/api/proxy/status")).json() as unknown as StatusReport;
    expect(status.inbounds).toMatchObject([{ kind: "mixed", state: "running" }]);
    const start = await call("POST", "/api/proxy/start", { body: '{"port": 0, "proxy_type": "http"}' });
    expect(start.status).toBe(201);
    const { id } = start.json() as unknown as InboundReport;
    const tested = await call("POST", "/api/proxy/test", {
      body: JSON.stringify({ url: "http://127.0.0.1:1/", inbound: id }),
    });
    expect(tested.json()).toMatchObject({ ok: false, inbound: id, error: { code: "connection_refused" } });
    const stopped = await call("POST", "/api/proxy/stop", {
      body: JSON.stringify({ inbound: id, mode: "now" }),
    });
    expect(stopped.json()).toMatchObject({ id, state: "stopped" });
  });

  it("lists connections as they are now, filters them, and closes one", async () => {
    const { call, port } = await startApi();
    const client = await openSocks(port, "127.0.0.1", await startEcho());
    client.send("12345");
    await client.take(5);
    const listed = (await call("GET", "/api/connections?kind=socks")).json() as {
      connections: { id: string; up: number }[];
    };
    expect(listed).toMatchObject({ active: 1, matching: 1, connections: [{ up: 5, down: 5 }] });
    expect((await call("GET", "/api/connections?user=bob")).json()).toMatchObject({ active: 1, matching: 0 });
    expect((await call("GET", "/api/connections?limit=0")).status).toBe(400);
    const path = `/api/connections/${listed.connections[0]?.id}`;
    expect((await call("DELETE", path)).status).toBe(204);
    await client.closed();
    await expect.poll(async () => (await call("DELETE", path)).status).toBe(404);
  });

  it("has the configuration read again", async () => {
    const { call, reload } = await startApi();
    expect((await call("POST", "/api/config/reload")).json()).toEqual({ kept: 1 });
    expect(reload).toHaveBeenCalledOnce();
  });

  it.each([
    ["no token", { Authorization: "" }, 401],
    ["a wrong token", { Authorization: "Bearer admin-token-of-these-testz" }, 401],
    ["another scheme", { Authorization: "Basic YTpi" }, 401],
    ["a name that leads here (DNS rebinding)", { Host: "evil.test" }, 421],
    ["such a name with the right port", { Host: "127.0.0.1.evil.test:PORT" }, 421],
    ["another port", { Host: "127.0.0.1:1" }, 421],
    ["user info before the name", { Host: "127.0.0.1@evil.test:PORT" }, 421],
    ["a page of another site", { Origin: "https://evil.test" }, 403],
    ["a page without an origin", { Origin: "null" }, 403],
    ["a page on another port of this machine", { Origin: "http://127.0.0.1:8080" }, 403],
    ["a page's request without Origin", { "Sec-Fetch-Site": "cross-site" }, 403],
  ])("refuses %s", async (_, headers, status) => {
    const { call, admin } = await startApi();
    const ours = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("PORT", `${admin.port}`)]),
    );
    expect((await call("GET", "/api/proxy/status", { headers: ours })).status).toBe(status);
  });

  it("takes its own names", async () => {
    const { call, admin } = await startApi();
    for (const Host of [`localhost:${admin.port}`, `[::1]:${admin.port}`, `LOCALHOST:${admin.port}`])
      expect((await call("GET", "/api/proxy/status", { headers: { Host } })).status, Host).toBe(200);
  });

  it("refuses bodies that are too long, no JSON, or not what the path takes", async () => {
    const { call } = await startApi();
    const post = async (body: string) => (await call("POST", "/api/proxy/start", { body })).status;
    expect(await post("x".repeat(100_000))).toBe(413);
    expect(await post("{")).toBe(400);
    expect(await post("")).toBe(400);
    expect(await post('{"port": 1080, "proxy_type": "mixed", "more": 1}')).toBe(400);
    expect((await call("GET", "/nothing")).status).toBe(404);
    expect((await call("POST", "/api/proxy/status")).status).toBe(404);
  });

  it("does not serve absolute forms, and survives garbage", async () => {
    const { admin, call } = await startApi();
    for (const text of [
      "GET http://evil.test/api/proxy/status HTTP/1.1\r\nHost: x\r\n\r\n",
      "\0\0\r\n\r\n",
    ]) {
      const socket = connect(admin.port, "127.0.0.1");
      socket.write(text);
      const [reply] = (await once(socket, "data")) as [Buffer];
      expect(String(reply)).toMatch(/^HTTP\/1\.1 400 /);
      socket.destroy();
    }
    expect((await call("GET", "/api/proxy/status")).status).toBe(200);
  });

  it("is no target for the relay's clients", async () => {
    const { admin, port } = await startApi();
    await expect(openSocks(port, "127.0.0.1", admin.port)).rejects.toThrow("reply 2");
  });
});
