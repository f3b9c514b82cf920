// Upgrades through the HTTP proxy, over real sockets: what switches, and what an origin that does not may answer.

import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import {
  closedPort,
  listenForTest,
  RawClient,
  startRelay,
  startTarget,
  startWithUser,
  takeResponse,
} from "../harness.ts";

const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n";

/** An origin of plain bytes; resolves to what it got of a head. */
async function startOrigin(answer: (socket: Socket, head: string) => void): Promise<number> {
  return startTarget((socket) => {
    const client = new RawClient(socket);
    client.takeThrough("\r\n\r\n").then(
      (head) => answer(socket, head),
      () => undefined,
    );
  });
}

function upgradeRequest(port: number, fields = ""): string {
  return `GET http://127.0.0.1:${port}/chat?x=1 HTTP/1.1\r\nHost: ignored\r\nConnection: Upgrade, X-Hop\r\nUpgrade: chat/2\r\nX-Hop: 1\r\n${fields}\r\n`;
}

describe("an upgrade through the proxy", () => {
  it("becomes a pipe once the origin switches, early bytes of both sides included", async () => {
    const heads: string[] = [];
    const origin = await startOrigin((socket, head) => {
      heads.push(head);
      socket.write(`${SWITCHING}X-From: origin\r\n\r\nfirst`);
      socket.pipe(socket);
    });
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(`${upgradeRequest(origin, "X-Mine: yes\r\n")}early`);
    const head = await client.takeThrough("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).toMatch(/^X-From: origin\r$/m);
    expect(head).toMatch(/^Upgrade: chat\/2\r$/m);
    expect((await client.take(10)).toString()).toBe("firstearly");
    client.socket.end("more");
    expect((await client.rest()).toString()).toBe("more");
    expect(heads[0]).toMatch(/^GET \/chat\?x=1 HTTP\/1.1\r\n/);
    expect(heads[0]).toContain(`Host: 127.0.0.1:${origin}\r\n`);
    expect(heads[0]).toContain("X-Mine: yes\r\n");
    expect(heads[0]).toContain("Upgrade: chat/2\r\n");
    expect(heads[0]).not.toContain("X-Hop");
    expect(await running.event("connection_closed")).toMatchObject({ kind: "proxy", up: 9, down: 14 });
  });

  it("gets the origin's answer when that does not switch, and ends with it", async () => {
    const origin = await listenForTest(createServer((_, res) => res.writeHead(403).end("not here")));
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(upgradeRequest(origin));
    const answer = (await client.rest()).toString();
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(answer).toContain("not here");
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  it("passes no byte behind the request to an origin that does not switch", async () => {
    const rest: string[] = [];
    const origin = await startTarget((socket) => {
      socket.on("data", (chunk: Buffer) => {
        rest.push(String(chunk));
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
      });
    });
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`${upgradeRequest(origin)}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.rest();
    expect(rest.join("")).not.toContain("smuggled");
  });

  it("answers why the origin could not be reached", async () => {
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(upgradeRequest(await closedPort()));
    const answer = (await client.rest()).toString();
    expect(answer).toMatch(/^HTTP\/1.1 502 /);
    expect(answer).toContain("connection_refused");
    expect(running.relay.ledger.seal(Date.now())?.services).toMatchObject([{ kind: "proxy", errors: 1 }]);
  });

  it("answers 502 to an origin's garbage", async () => {
    const origin = await startOrigin((socket) => socket.end("garbage\r\n\r\n"));
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(upgradeRequest(origin));
    expect((await client.rest()).toString()).toContain("upstream_invalid");
  });

  it("needs the password and keeps it from the origin", async () => {
    const heads: string[] = [];
    const origin = await startOrigin((socket, head) => {
      heads.push(head);
      socket.end(`${SWITCHING}\r\n`);
    });
    const { port } = await startWithUser();
    const refused = await RawClient.open(port);
    refused.send(upgradeRequest(origin));
    expect((await refused.rest()).toString()).toMatch(/^HTTP\/1.1 407 /);
    const basic = Buffer.from("alice:secret").toString("base64");
    const client = await RawClient.open(port);
    client.send(upgradeRequest(origin, `Proxy-Authorization: Basic ${basic}\r\n`));
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/^HTTP\/1.1 101 /);
    expect(heads).toHaveLength(1);
    expect(heads[0]).not.toContain(basic);
  });

  it.each([
    ["to HTTP/2", "GET", "Upgrade: h2c\r\n", ""],
    ["of a request with a body", "POST", "Upgrade: chat/2\r\nContent-Length: 2\r\n", "hi"],
  ])("is passed over %s: the request goes on as it is", async (_, method, fields, body) => {
    const seen: (string | undefined)[] = [];
    const origin = await listenForTest(
      createServer((req, res) => {
        seen.push(req.headers.upgrade);
        req.pipe(res);
      }),
    );
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    const head = `${method} http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n`;
    client.send(`${head}${fields}\r\n${body}`);
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    expect(seen).toEqual([undefined]);
  });
});

describe("methods of the proxy", () => {
  it.each([
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "REPORT",
    "QUERY",
  ])("%s goes to the origin, on a connection that stays", async (method) => {
    const origin = await listenForTest(createServer((req, res) => res.end(`${req.method} ${req.url}`)));
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    for (const path of ["/a", "/b"]) {
      client.send(
        `${method} http://127.0.0.1:${origin}${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
      );
      const head = await client.takeThrough("\r\n\r\n");
      expect(head).toMatch(/^HTTP\/1.1 200 /);
      const body = method === "HEAD" ? "" : `${method} ${path}`;
      expect((await client.take(body.length)).toString()).toBe(body);
    }
  });

  it("count Max-Forwards down and answer themselves at zero (RFC 9110 section 7.6.2)", async () => {
    const seen: (string | undefined)[] = [];
    const origin = await listenForTest(
      createServer((req, res) => {
        seen.push(req.headers["max-forwards"] as string | undefined);
        res.end();
      }),
    );
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    const ask = async (method: string, left: number) => {
      client.send(
        `${method} http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nMax-Forwards: ${left}\r\n\r\n`,
      );
      return (await takeResponse(client)).head.split(" ")[1];
    };
    expect([await ask("OPTIONS", 3), await ask("OPTIONS", 0), await ask("TRACE", 0)]).toEqual([
      "200",
      "200",
      "405",
    ]);
    expect(await ask("GET", 0)).toBe("200");
    expect(seen).toEqual(["2", "0"]);
  });
});
