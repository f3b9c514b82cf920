// Threats: a ticket read from a log or a history and used again, elsewhere, later, or for more than it was made for.

import { beforeAll, describe, expect, it, vi } from "vitest";
import { CONTROL_LIMITS } from "../../../shared/limits.ts";
import { sign } from "../../../worker/control/signed.ts";
import {
  ADMIN_TOKEN,
  bearer,
  closeSocket,
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

async function ticket(): Promise<string> {
  const response = await send("/api/tickets", post({ path: "/api/stats/ws" }, bearer(VIEWER_TOKEN).headers));
  expect(response.status).toBe(201);
  return (await response.json<{ ticket: string }>()).ticket;
}

function connect(text: string, path = "/api/stats/ws"): Promise<Response> {
  return send(`${path}?ticket=${encodeURIComponent(text)}`, upgrade());
}

describe("tickets", () => {
  it("open one WebSocket, once", async () => {
    const text = await ticket();
    const first = await connect(text);
    expect(first.status).toBe(101);
    closeSocket(first);
    expect((await connect(text)).status).toBe(401);
  });

  it("are won by one of many that try at once", async () => {
    const text = await ticket();
    const attempts = await Promise.all(Array.from({ length: 8 }, () => connect(text)));
    expect(attempts.filter((response) => response.status === 101)).toHaveLength(1);
    attempts.forEach(closeSocket);
  });

  it("open no other path than theirs, and are not spent by trying", async () => {
    const foreign = await sign(testEnv, "ticket", {
      id: "foreign",
      path: "/api/other/ws",
      exp: Date.now() + 10_000,
      principal: { name: "admin", role: "admin", token: "" },
    } as { exp: number });
    expect((await connect(foreign)).status).toBe(401);
    expect((await connect(await ticket(), "/relay/connect")).status).toBe(401);
  });

  it("are not made for paths that take none", async () => {
    for (const path of ["/api/config", "/relay/connect", "/api/stats/ws/..", ""]) {
      const response = await send("/api/tickets", post({ path }, bearer(ADMIN_TOKEN).headers));
      expect(response.status).toBe(400);
    }
  });

  it("authorise nothing but WebSockets", async () => {
    const text = await ticket();
    expect((await send(`/api/stats?ticket=${text}`)).status).toBe(401);
    expect((await send("/api/stats", bearer(text))).status).toBe(401);
    expect((await send("/api/stats", { headers: { Cookie: `causeway=${text}` } })).status).toBe(401);
  });

  it("expire after a minute", async () => {
    const text = await ticket();
    vi.useFakeTimers({ now: Date.now() + CONTROL_LIMITS.TICKET_TTL_MS + 1, toFake: ["Date"] });
    try {
      expect((await connect(text)).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  it("are not made for nobody, and a session does not pass for one", async () => {
    expect((await send("/api/tickets", post({ path: "/api/stats/ws" }))).status).toBe(401);
    expect((await connect((await signIn()).slice("causeway=".length))).status).toBe(401);
  });

  it("never show up in an answer", async () => {
    const text = await ticket();
    closeSocket(await connect(text));
    const refused = await connect(text);
    const shown = JSON.stringify([...refused.headers]) + (await refused.text());
    expect(shown).not.toContain(text.slice(0, 20));
  });
});
