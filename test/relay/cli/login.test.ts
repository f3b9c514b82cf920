// `causeway login` against an HTTP server that answers as the edge does.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, withState } from "./support.ts";

let server: Server;
let edge: string;
let seen: IncomingMessage[];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request);
    const isAdmin = request.headers.authorization === "Bearer kept-admin-token";
    response.writeHead(isAdmin ? 201 : 401, { "Content-Type": "application/json" });
    response.end(JSON.stringify(isAdmin ? { code: "CODE" } : { error: { code: "unauthorized" } }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  edge = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function login(env: Record<string, string>) {
  return run(["login", "--edge", edge], { env });
}

describe("causeway login", () => {
  it("prints a link with a new code, by the token that causeway start keeps", async () => {
    await withState(async (CAUSEWAY_STATE) => {
      expect(await login({ CAUSEWAY_STATE })).toEqual({ code: 0, out: `${edge}/#login=CODE`, err: "" });
    });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /api/login-codes"]);
  });

  it("says what is missing or wrong", async () => {
    const env = { CAUSEWAY_STATE: "/nowhere" };
    expect(await login(env)).toMatchObject({ code: 2, err: expect.stringContaining("CAUSEWAY_ADMIN_TOKEN") });
    const refused = await login({ ...env, CAUSEWAY_ADMIN_TOKEN: "wrong" });
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("answered 401") });
    await new Promise((resolve) => server.close(resolve));
    const unreachable = await login({ ...env, CAUSEWAY_ADMIN_TOKEN: "wrong" });
    expect(unreachable).toMatchObject({ code: 1, err: expect.stringContaining("ECONNREFUSED") });
  });
});
