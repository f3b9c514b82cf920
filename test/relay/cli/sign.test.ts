// `causeway sign` against an HTTP server that answers as the edge does.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "./support.ts";

const URL_OF_IT = "https://tv.example.com/proxy/ch_a/t.k.p.m/stream.m3u8";

let server: Server;
let edge: string;
let orders: unknown[];
let answer: { readonly status: number; readonly body: unknown };

beforeEach(async () => {
  orders = [];
  answer = { status: 200, body: { url: URL_OF_IT, expires_at: "2027-01-01T00:00:00.000Z" } };
  server = createServer(async (request, response) => {
    orders.push([request.url, request.headers.authorization, await json(request)]);
    response.writeHead(answer.status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  edge = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function sign(...args: string[]) {
  const env = { CAUSEWAY_STATE: "/nowhere", CAUSEWAY_ADMIN_TOKEN: "the-token" };
  return run(["sign", "--edge", edge, ...args], { env });
}

describe("causeway sign", () => {
  it("prints the address alone on standard output, and until when it begins beside it", async () => {
    expect(await sign("ch_a")).toEqual({
      code: 0,
      out: URL_OF_IT,
      err: "Watching may begin until 2027-01-01T00:00:00.000Z",
    });
    expect(orders).toEqual([["/api/sign", "Bearer the-token", { channel: "ch_a", expires: "24h" }]]);
  });

  it("passes every option on", async () => {
    await sign(
      ...["ch_a", "--expires", "2h", "--viewer", "alice", "--ip", "2001:db8::1", "--session", "tv"],
      ...["--connections", "2", "--host", "https://tv.example.com"],
    );
    expect(orders).toMatchObject([
      [
        "/api/sign",
        "Bearer the-token",
        {
          channel: "ch_a",
          expires: "2h",
          viewer: "alice",
          ip: "2001:db8::1",
          session: "tv",
          connections: 2,
          host: "https://tv.example.com",
        },
      ],
    ]);
  });

  it("says that a public channel's address never expires", async () => {
    answer = { status: 200, body: { url: URL_OF_IT, expires_at: null } };
    expect(await sign("ch_a")).toMatchObject({ err: expect.stringContaining("never expires") });
  });

  it("says what is missing or wrong", async () => {
    expect(await sign()).toMatchObject({ code: 2, err: expect.stringContaining("No channel") });
    expect(await sign("ch_a", "--connections", "many")).toMatchObject({ code: 2 });
    answer = { status: 400, body: { error: { message: 'Cannot sign: no viewer "bob" is configured' } } };
    expect(await sign("ch_a")).toMatchObject({ code: 1, err: expect.stringContaining('no viewer "bob"') });
    answer = { status: 404, body: { error: { message: "No channel of this id is configured" } } };
    expect(await sign("ch_a")).toMatchObject({
      code: 1,
      err: "causeway sign: Cannot sign: No channel of this id is configured",
    });
  });
});
