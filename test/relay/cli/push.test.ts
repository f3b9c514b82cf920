// `causeway push` against an HTTP server that answers as the edge does.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSecretBox, tokenVerifier } from "../../../shared/config/secrets.ts";
import { type Run, run, withFile, withState } from "./support.ts";

const ROOT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ENV = {
  CAUSEWAY_ADMIN_TOKEN: "admin-token-0123456789",
  CAUSEWAY_ROOT_KEY: ROOT_KEY,
  RELAY_TOKEN: "relay-token-0123456789",
  CAUSEWAY_STATE: "/nowhere",
};
const FILE = `
[[channels]]
id = "ch_1"
sources = ["https://origin.test/i.m3u8?password=hunter2"]
[[relays]]
name = "main"
token = "env:RELAY_TOKEN"
[relay]
edge = "ws://127.0.0.1:8787"
edge_token = "env:NOT_NEEDED_HERE"
`;

interface Seen {
  readonly request: IncomingMessage;
  readonly body: string;
}

let server: Server;
let edge: string;
let seen: Seen[];
let reply: { status: number; body: unknown };

beforeEach(async () => {
  seen = [];
  reply = { status: 200, body: { version: 7 } };
  server = createServer(async (request, response) => {
    seen.push({ request, body: await text(request) });
    response.writeHead(reply.status, { "Content-Type": "application/json" }).end(JSON.stringify(reply.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  edge = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function push(more: readonly string[] = [], env: Record<string, string> = ENV, file = FILE): Promise<Run> {
  return withFile(file, (path) => run(["push", "--config", path, "--edge", edge, ...more], { env }));
}

describe("causeway push", () => {
  it("sends the document without [relay], tokens as verifiers, other secrets sealed, and prints the version", async () => {
    const { code, out } = await push();
    expect(out).toContain("version 7");
    expect(code).toBe(0);
    const [{ request, body } = { request: undefined, body: "" }] = seen;
    expect(request).toMatchObject({ method: "PUT", url: "/api/config" });
    expect(request?.headers.authorization).toBe("Bearer admin-token-0123456789");
    const sent = JSON.parse(body);
    expect(Object.keys(sent)).toEqual(["channels", "relays"]);
    expect(sent.relays[0].token).toBe(await tokenVerifier(ENV.RELAY_TOKEN));
    const box = await createSecretBox(ROOT_KEY);
    expect(await box.open(sent.channels[0].sources[0])).toBe("https://origin.test/i.m3u8?password=hunter2");
    expect(body).not.toMatch(/hunter2|relay-token/);
  });

  it("sends nothing with --dry-run, and then needs no admin token", async () => {
    const { CAUSEWAY_ADMIN_TOKEN: _, ...env } = ENV;
    expect((await push(["--dry-run"], env)).code).toBe(0);
    expect(seen).toEqual([]);
  });

  it("names the version it expects", async () => {
    await push(["--if-version", "6"]);
    expect(seen[0]?.request.headers["if-match"]).toBe('"6"');
  });

  it("prints each problem the edge found and exits with 2", async () => {
    const problems = [
      { path: "hosts[0].host", value: '"x/y"', legal: "a host name" },
      { path: "hosts[1].max_body", value: "1", legal: "a size" },
    ];
    reply = { status: 422, body: { error: { code: "config_invalid", message: "Problems", problems } } };
    const { code, err } = await push();
    expect(code).toBe(2);
    expect(err).toContain('hosts[0].host: "x/y": expected a host name');
    expect(err).toContain("hosts[1].max_body: 1: expected a size");
  });

  it("exits with 1 when the edge refuses or is not one", async () => {
    reply = { status: 401, body: { error: { code: "unauthorized", message: "A valid token is needed" } } };
    expect(await push()).toMatchObject({ code: 1, err: expect.stringContaining("(unauthorized)") });
    reply = { status: 200, body: "hello" };
    expect(await push()).toMatchObject({ code: 1, err: expect.stringContaining("is it a control host?") });
  });

  it("exits with 1 and the reason when nobody listens there", async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await push()).toMatchObject({ code: 1, err: expect.stringContaining("ECONNREFUSED") });
  });

  it("reports a missing variable and an invalid file with 2, and sends neither", async () => {
    const { RELAY_TOKEN: _, ...env } = ENV;
    expect(await push([], env)).toMatchObject({ code: 2, err: expect.stringContaining("relays[0].token") });
    expect(await push([], ENV, "hosts = 1\n")).toMatchObject({
      code: 2,
      err: expect.stringContaining("hosts: 1"),
    });
    expect(seen).toEqual([]);
  });

  it("exits with 2 when the admin token or the root key is missing or malformed", async () => {
    const { CAUSEWAY_ADMIN_TOKEN: _, ...noToken } = ENV;
    expect(await push([], noToken)).toMatchObject({
      code: 2,
      err: expect.stringContaining("CAUSEWAY_ADMIN_TOKEN"),
    });
    const { CAUSEWAY_ROOT_KEY: __, ...noKey } = ENV;
    expect(await push([], noKey)).toMatchObject({
      code: 2,
      err: expect.stringContaining("CAUSEWAY_ROOT_KEY"),
    });
    expect(await push([], { ...ENV, CAUSEWAY_ROOT_KEY: "short" })).toMatchObject({ code: 2 });
    expect(seen).toEqual([]);
  });

  it("takes from the state directory what the environment lacks, for an edge on this machine", async () => {
    await withState(async (CAUSEWAY_STATE) => {
      expect(await push([], { CAUSEWAY_STATE })).toMatchObject({ code: 0, err: "" });
      expect(seen[0]?.request.headers.authorization).toBe("Bearer kept-admin-token");
      expect(JSON.parse(seen[0]?.body ?? "").relays[0].token).toBe(await tokenVerifier("kept-relay-token"));
      await push([], { ...ENV, CAUSEWAY_STATE });
      expect(seen[1]?.request.headers.authorization).toBe(`Bearer ${ENV.CAUSEWAY_ADMIN_TOKEN}`);
    });
  });

  it("sends nothing of the state directory to an edge elsewhere", async () => {
    const { code, err } = await withState((CAUSEWAY_STATE) =>
      withFile("", (path) =>
        run(["push", "--config", path, "--edge", "https://edge.invalid"], { env: { CAUSEWAY_STATE } }),
      ),
    );
    expect(code).toBe(2);
    expect(err).toContain("CAUSEWAY_ADMIN_TOKEN");
  });

  it("refuses to send the admin token in the clear beyond this machine", async () => {
    const { code, err } = await withFile(FILE, (path) =>
      run(["push", "--config", path, "--edge", "http://edge.example.com"], { env: ENV }),
    );
    expect(code).toBe(2);
    expect(err).toContain("expected an https:// URL");
  });
});
