// Plain HTTP proxying over real sockets, against the address of a relay.

import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { closedPort, listenForTest, RawClient, startRelay, startTarget, takeResponse } from "../harness.ts";

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

function startOrigin(handler: Handler): Promise<number> {
  return listenForTest(createServer(handler));
}

describe("a plain request", () => {
  it("goes to two hosts over one connection, without the fields of this hop", async () => {
    const seen: IncomingMessage[] = [];
    const answer: Handler = (req, res) => {
      seen.push(req);
      req.resume();
      res.setHeader("Connection", "keep-alive, X-Secret");
      res.setHeader("X-Secret", "hop");
      res.setHeader("Proxy-Authenticate", "Basic realm=origin");
      res.setHeader("X-Kept", ["one", "two"]);
      res.end(`answer ${req.url}`);
    };
    const [first, second] = [await startOrigin(answer), await startOrigin(answer)];
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(
      `GET http://user:pw@localhost:${first}/a//b?q=%20 HTTP/1.1\r\nHost: elsewhere\r\nProxy-Connection: keep-alive\r\n` +
        "Connection: X-Mine\r\nX-Mine: 1\r\nX-Other: 2\r\nTE: trailers\r\n\r\n",
    );
    const one = await takeResponse(client);
    expect(one.body).toBe("answer /a//b?q=%20");
    expect(one.head).not.toMatch(/x-secret|proxy-authenticate/i);
    expect(one.head).toMatch(/X-Kept: one\r\nX-Kept: two/);
    client.send(
      `POST http://127.0.0.1:${second} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc`,
    );
    expect(await client.takeThrough("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect((await takeResponse(client)).body).toBe("answer /");
    expect(seen[0]?.headers).toMatchObject({
      host: `localhost:${first}`,
      "x-other": "2",
      via: "1.1 causeway",
    });
    for (const gone of ["x-mine", "te", "proxy-connection", "authorization"]) {
      expect(seen[0]?.headers).not.toHaveProperty(gone);
    }
    expect(seen[1]?.headers).toMatchObject({ host: `127.0.0.1:${second}`, "content-length": "3" });
    const [, closed] = await vi.waitFor(() => {
      const all = running.of("connection_closed");
      expect(all).toHaveLength(2);
      return all;
    });
    expect(closed).toMatchObject({
      kind: "proxy",
      up: 3,
      down: 8,
      reason: "done",
      target: `http://127.0.0.1:${second}`,
    });
    expect(running.of("connection_opened")[0]?.target).toBe(`http://localhost:${first}/a//b`);
  });

  it("streams 64 MiB each way unchanged, counted exactly", async () => {
    const size = 64 * 1024 * 1024;
    const origin = await startOrigin((req, res) => {
      res.writeHead(200);
      req.pipe(res);
    });
    const running = await startRelay();
    const block = randomBytes(1024 * 1024);
    const sent = createHash("sha256");
    const received = createHash("sha256");
    await new Promise<void>((resolve, reject) => {
      const req = request(
        {
          port: running.port,
          host: "127.0.0.1",
          method: "POST",
          path: `http://127.0.0.1:${origin}/`,
          agent: false,
        },
        (res) => void res.on("data", (chunk) => received.update(chunk)).on("end", resolve),
      );
      req.on("error", reject);
      let left = size / block.length;
      const more = (): void => {
        while (left-- > 0) {
          sent.update(block);
          if (!req.write(block)) {
            req.once("drain", more);
            return;
          }
        }
        req.end();
      };
      more();
    });
    expect(received.digest("hex")).toBe(sent.digest("hex"));
    expect(await running.event("connection_closed")).toMatchObject({ up: size, down: size, reason: "done" });
  });

  it("passes OPTIONS of a whole origin", async () => {
    const origin = await startOrigin((req, res) => res.end(`${req.method} ${req.url}`));
    const client = await RawClient.open((await startRelay()).port);
    client.send(`OPTIONS http://127.0.0.1:${origin} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await takeResponse(client)).body).toBe("OPTIONS /");
  });

  it("passes HEAD, 204 and an empty body without waiting for one", async () => {
    const origin = await startOrigin((req, res) => {
      if (req.method === "HEAD") res.writeHead(200, { "Content-Length": 5 }).end();
      else res.writeHead(req.url === "/204" ? 204 : 200, { "Content-Length": 0 }).end();
    });
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`HEAD http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/content-length: 5/i);
    client.send(`GET http://127.0.0.1:${origin}/204 HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.takeThrough("\r\n\r\n")).toMatch(/^HTTP\/1.1 204 /);
  });

  it("answers 502 when the target refuses, and the connection lives on", async () => {
    const origin = await startOrigin((_, res) => res.end("fine"));
    const { port, relay } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${await closedPort()}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    const refused = await takeResponse(client);
    expect(refused.head).toMatch(/^HTTP\/1.1 502 /);
    expect(JSON.parse(refused.body).error.code).toBe("connection_refused");
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await takeResponse(client)).body).toBe("fine");
    expect(relay.ledger.seal(Date.now())?.services).toMatchObject([
      { kind: "proxy", requests: 2, errors: 1, aborted: 0 },
    ]);
  });

  it("answers 403 when the policy denies the target, in any spelling", async () => {
    const { port, event } = await startRelay();
    const client = await RawClient.open(port);
    for (const host of ["169.254.169.254", "0xa9fea9fe", "[::ffff:169.254.169.254]", `127.1:${port}`]) {
      client.send(`GET http://${host}/secret?x HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 403 /);
    }
    expect((await event("policy_denied")).target).toBe("http://169.254.169.254/secret");
  });

  it.each(["/path", "https://a.example/", "ftp://a.example/", "http://", "http://a.example:99999/"])(
    "answers 400 to the target %s",
    async (target) => {
      const { port } = await startRelay();
      const client = await RawClient.open(port);
      client.send(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 400 /);
    },
  );

  it("answers 502 to a target that does not speak HTTP", async () => {
    const origin = await startTarget((socket) => socket.end("SSH-2.0-x\r\n"));
    const { port } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(JSON.parse((await takeResponse(client)).body).error.code).toBe("upstream_invalid");
  });

  it("counts an exchange that its origin breaks off before any reply as refused, not as aborted", async () => {
    const origin = await startTarget((socket) => socket.once("data", () => socket.destroy()));
    const { port, relay, event } = await startRelay();
    const client = await RawClient.open(port);
    client.send(`POST http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody`);
    expect((await takeResponse(client)).head).toMatch(/^HTTP\/1.1 502 /);
    expect(await event("connection_closed")).toMatchObject({ up: 4, reason: "refused" });
    expect(relay.ledger.seal(Date.now())?.services).toMatchObject([
      { kind: "proxy", requests: 1, errors: 1, aborted: 0 },
    ]);
  });

  it("breaks the connection when the origin breaks off within the body", async () => {
    const origin = await startTarget((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      setTimeout(() => socket.destroy(), 50);
    });
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.takeThrough("half");
    await client.closed();
    expect(await running.event("connection_closed")).toMatchObject({ down: 4, reason: "failed" });
  });

  it("aborts the origin when the client leaves", async () => {
    let left = false;
    const origin = await startOrigin((req, res) => {
      res.write("first");
      req.on("close", () => {
        left = true;
      });
    });
    const running = await startRelay();
    const client = await RawClient.open(running.port);
    client.send(`GET http://127.0.0.1:${origin}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.takeThrough("first");
    client.socket.destroy();
    await vi.waitFor(() => expect(left).toBe(true));
    expect(await running.event("connection_closed")).toMatchObject({ reason: "aborted" });
  });
});
