// Signed addresses by order of an operator.

import { beforeAll, describe, expect, it } from "vitest";
import { bearer, OPERATOR_TOKEN, post, send, VIEWER_TOKEN } from "../../control/support.ts";
import { answer, configure } from "./support.ts";

const IN = "404 not_found";

beforeAll(() => configure());

describe("POST /api/sign", () => {
  async function sign(order: object, who = OPERATOR_TOKEN) {
    const response = await send("/api/sign", {
      ...post(order),
      ...bearer(who, { "Content-Type": "application/json" }),
    });
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  }

  it("makes an address that works", async () => {
    const { status, body } = await sign({
      channel: "ch_paid",
      expires: "2h",
      ip: "203.0.113.7",
      connections: 2,
    });
    expect(status).toBe(200);
    const url = new URL(String(body.url));
    expect(url.origin).toBe("http://control.test:8787");
    expect(url.pathname).toMatch(/^\/proxy\/ch_paid\/t\.old\.[\w-]+\.[\w-]+\/stream\.m3u8$/);
    expect(Date.parse(String(body.expires_at)) - Date.now()).toBeGreaterThan(7_100_000);
    const below = url.pathname.slice("/proxy/".length).replace("stream.m3u8", "none");
    expect(await answer(below)).toBe(IN);
    expect(await answer(below, { ip: "203.0.113.8" })).toBe("403 token_ip");
  });

  it("names a subscriber, a session and a host", async () => {
    const order = { channel: "ch_paid", viewer: "alice", session: "tv", host: "https://tv.example.com" };
    const { body } = await sign(order);
    expect(body.url).toMatch(/^https:\/\/tv\.example\.com\/proxy\/ch_paid\/t\./);
  });

  it("gives a public channel's plain address", async () => {
    expect((await sign({ channel: "ch_open" })).body).toEqual({
      url: "http://control.test:8787/proxy/ch_open/stream.m3u8",
      expires_at: null,
    });
  });

  it.each([
    [{}, 400],
    [{ channel: "ch_paid", what: 1 }, 400],
    [{ channel: "ch_none" }, 404],
    [{ channel: "ch_paid", expires: "soon" }, 400],
    [{ channel: "ch_paid", expires: "400d" }, 400],
    [{ channel: "ch_paid", ip: "example.com" }, 400],
    [{ channel: "ch_paid", session: "a/b" }, 400],
    [{ channel: "ch_paid", connections: 0 }, 400],
    [{ channel: "ch_paid", viewer: "bob" }, 400],
    [{ channel: "ch_other", viewer: "alice" }, 400],
    [{ channel: "ch_paid", host: "https://tv.example.com/x" }, 400],
    [{ channel: "ch_paid", host: "javascript:1" }, 400],
  ])("refuses %j with %i", async (order, status) => expect((await sign(order)).status).toBe(status));

  it("is for operators", async () => {
    expect((await sign({ channel: "ch_paid" }, VIEWER_TOKEN)).status).toBe(403);
    expect((await send("/api/sign", post({ channel: "ch_paid" }))).status).toBe(401);
  });
});
