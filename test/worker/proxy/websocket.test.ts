// A WebSocket on its way through a host, with an upstream that the test plays by hand.

import { createExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../../shared/flow/ledger.ts";
import type { Env } from "../../../worker/env.ts";
import type { Call } from "../../../worker/proxy/call.ts";
import { Visit } from "../../../worker/proxy/visit.ts";
import { proxyWebSocket } from "../../../worker/proxy/websocket.ts";
import { Meter } from "../../../worker/stats/meter.ts";
import { callFor } from "./header-call.ts";

afterEach(() => vi.restoreAllMocks());

describe("proxyWebSocket", () => {
  it("closes a socket whose end was ordered while the upstream was still being asked", async () => {
    const ledger = new Ledger({ source: "iso", origin: "edge", name: "edge" });
    const meter = new Meter(ledger);
    vi.spyOn(meter, "touch").mockImplementation(() => undefined);
    const ctx = createExecutionContext();
    vi.spyOn(ctx, "waitUntil").mockImplementation(() => undefined);
    const { call } = callFor({ headers: { upgrade: "websocket" } });
    const x = { ...call.x, ctx, env: {} as Env, meter, startedAt: Date.now() };
    const visit = new Visit({ ...call, x, kind: "ws" } as Call);
    const [far, near] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      ledger.cutById(visit.flow.id);
      return new Response(null, { status: 101, webSocket: near });
    });
    const { webSocket: client } = await proxyWebSocket(visit);
    const ends = [client, far].map((socket) => {
      socket?.accept();
      return new Promise((resolve) =>
        socket?.addEventListener("close", ({ code, reason }) => resolve([code, reason])),
      );
    });
    expect(await Promise.all(ends)).toEqual([
      [1008, "connection_closed"],
      [1008, "connection_closed"],
    ]);
    await vi.waitFor(() => expect(ledger.active).toBe(0));
  });
});
