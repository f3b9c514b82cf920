import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { text as readText } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { closedPort, listenForTest, RawClient, startTarget } from "../harness.ts";
import { signedFor, startIngress, startOrigin } from "./ingress-client.ts";

/** A WebSocket origin that sends everything back. */
async function startEchoSockets() {
  const server = createServer();
  const seen: IncomingMessage[] = [];
  const sockets = new WebSocketServer({ server, handleProtocols: () => "chat" });
  sockets.on("connection", (socket, req) => {
    seen.push(req);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { origin: `http://127.0.0.1:${await listenForTest(server)}`, seen, sockets };
}

async function openSocket(port: number, target: string): Promise<WebSocket> {
  const headers = { ...(await signedFor(target)), "X-Forwarded-For": "203.0.113.9", Cookie: "a=1" };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["chat"], { headers });
  onTestFinished(() => socket.terminate());
  return socket;
}

/** Sends a signed upgrade by hand; what follows it is the client's to read. */
async function sendUpgrade(port: number, target: string, behind = "", fields?: Record<string, string>) {
  const client = await RawClient.open(port);
  const signed = Object.entries(fields ?? (await signedFor(target))).map((field) => field.join(": "));
  const head = ["GET / HTTP/1.1", "Host: relay", "Connection: Upgrade", "Upgrade: websocket", ...signed];
  client.send(`${head.join("\r\n")}\r\n\r\n${behind}`);
  return client;
}

describe("a WebSocket through the ingress", () => {
  it("reaches its target with Host, fields and subprotocol, and echoes texts and bytes", async () => {
    const { port, event } = await startIngress();
    const { origin, seen } = await startEchoSockets();
    const socket = await openSocket(port, `${origin}/chat?room=1`);
    await once(socket, "open");
    expect(socket.protocol).toBe("chat");
    expect(seen[0]?.url).toBe("/chat?room=1");
    expect(seen[0]?.headers).toMatchObject({ host: origin.slice("http://".length), cookie: "a=1" });
    expect(seen[0]?.headers).not.toHaveProperty("x-causeway-signature");
    for (const message of ["text", Buffer.alloc(3_000_000, 7)]) {
      socket.send(message);
      const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
      expect(isBinary).toBe(typeof message !== "string");
      expect(data.equals(Buffer.from(message))).toBe(true);
    }
    socket.close(4001, "enough");
    expect((await once(socket, "close"))[0]).toBe(4001);
    const closed = await event("connection_closed");
    expect(closed).toMatchObject({
      kind: "proxy",
      client: "203.0.113.9",
      target: `${origin}/chat`,
      reason: "done",
    });
    expect(closed.up).toBeGreaterThan(3_000_000);
    expect(closed.down).toBeGreaterThan(3_000_000);
  });

  it("loses nothing that either end says right behind the handshake", async () => {
    const { port } = await startIngress();
    const target = await startTarget((socket) => {
      socket.once("data", (first) => {
        const behind = String(first).split("\r\n\r\n")[1];
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst,`,
        );
        if (behind) socket.write(behind);
        socket.pipe(socket);
      });
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${target}/`, "second");
    const head = await client.takeThrough("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    expect(head).toMatch(/\r\nUpgrade: websocket\r\n/);
    expect(String(await client.take(12))).toBe("first,second");
  });

  it("passes on what an origin answers instead, with its body, and closes", async () => {
    const { port, event } = await startIngress();
    const origin = await startOrigin((_, res) => {
      res.writeHead(401, { "WWW-Authenticate": "Basic", "X-Causeway-Relay-Error": "fake" });
      res.write("not ");
      res.end("you");
    });
    const client = await sendUpgrade(port, `${origin}/`);
    const text = String(await client.rest());
    expect(text).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/);
    expect(text).toMatch(/www-authenticate: Basic\r\n/i);
    expect(text).toMatch(/connection: close\r\n/i);
    expect(text).not.toMatch(/relay-error/i);
    expect(text).toContain("not ");
    expect(await event("connection_closed")).toMatchObject({ down: 7, reason: "done" });
  });

  it("breaks off where the origin resets its answer, although it named no length", async () => {
    const { port, event } = await startIngress();
    const begun = Promise.withResolvers<Socket>();
    const target = await startTarget((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\npart", () => begun.resolve(socket)));
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${target}/`);
    await client.takeThrough("part");
    (await begun.promise).resetAndDestroy();
    expect((await client.closed())?.code).toBe("ECONNRESET");
    expect(await event("connection_closed")).toMatchObject({ reason: "failed" });
  });

  it("is cut where the origin's answer stalls", async () => {
    const { port, event } = await startIngress({ config: { idle_timeout: 200 } });
    const target = await startTarget((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"));
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${target}/`);
    expect((await client.closed())?.code).toBe("ECONNRESET");
    expect(await event("connection_closed")).toMatchObject({ reason: "idle" });
  });

  it.each([
    ["switches to nothing", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["has a status that is none", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"],
  ])("is told of an origin that %s", async (_, answer) => {
    const { port } = await startIngress();
    const target = await startTarget((socket) => {
      socket.once("data", () => socket.write(answer));
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${target}/`);
    expect(String(await client.rest())).toMatch(/^HTTP\/1.1 502 .*X-Causeway-Relay-Error: upstream_invalid/s);
  });

  it("gets an answer whose reason could not be sent again without it", async () => {
    const { port } = await startIngress();
    const target = await startTarget((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 404 \x01\r\nContent-Length: 2\r\n\r\nno"));
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${target}/`);
    expect(String(await client.rest())).toMatch(/^HTTP\/1.1 404 Not Found\r\n.*no$/s);
  });

  it("is an ordinary request when it has a body, which belongs to no other protocol", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin(async (req, res) =>
      res.end(`${req.headers.upgrade} ${await readText(req)}`),
    );
    const client = await RawClient.open(port);
    const fields = Object.entries(await signedFor(`${origin}/`)).map((field) => field.join(": "));
    const upgrade = ["Connection: Upgrade, close", "Upgrade: websocket", "Content-Length: 4"];
    const head = ["GET / HTTP/1.1", "Host: relay", ...upgrade, ...fields];
    client.send(`${head.join("\r\n")}\r\n\r\nbody`);
    expect(String(await client.rest())).toMatch(/^HTTP\/1.1 200 .*undefined body/s);
  });

  it("is refused with the relay's own code where nothing listens, and without a signature", async () => {
    const { port } = await startIngress();
    const nobody = await sendUpgrade(port, `http://127.0.0.1:${await closedPort()}/`);
    expect(String(await nobody.rest())).toMatch(
      /^HTTP\/1.1 502 .*X-Causeway-Relay-Error: connection_refused/s,
    );
    const stranger = await sendUpgrade(port, "", "", {});
    expect(String(await stranger.rest())).toMatch(
      /^HTTP\/1.1 403 .*X-Causeway-Relay-Error: signature_refused/s,
    );
  });

  it("breaks when the origin breaks, and breaks the origin when the client does", async () => {
    const { port, of } = await startIngress();
    const { origin, sockets } = await startEchoSockets();
    const first = await openSocket(port, `${origin}/`);
    await once(first, "open");
    for (const socket of sockets.clients) socket.terminate();
    expect((await once(first, "close"))[0]).toBe(1006);
    const second = await openSocket(port, `${origin}/`);
    await once(second, "open");
    const [far] = sockets.clients;
    second.terminate();
    if (far !== undefined) await once(far, "close");
    expect(of("connection_opened")).toHaveLength(2);
  });

  it("gives up the dial when the client leaves meanwhile", async () => {
    const { port } = await startIngress();
    const gone = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const silent = await startTarget((socket) => {
      socket.once("end", () => gone.resolve());
      socket.once("data", () => reached.resolve());
    });
    const client = await sendUpgrade(port, `http://127.0.0.1:${silent}/`);
    await reached.promise;
    client.socket.destroy();
    await gone.promise;
  });

  it("ends at the relay's stop, once the deadline is over", async () => {
    const { port, relay, event } = await startIngress({ config: { drain_timeout: 50 } });
    const { origin } = await startEchoSockets();
    const socket = await openSocket(port, `${origin}/`);
    await once(socket, "open");
    const closed = once(socket, "close");
    await relay.stop();
    await closed;
    expect(await event("connection_closed")).toMatchObject({ reason: "closed" });
  });

  it("is an ordinary request when it asks for another protocol", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin((req, res) => res.end(String(req.headers.upgrade)));
    const client = await RawClient.open(port);
    const fields = Object.entries(await signedFor(`${origin}/`)).map((field) => field.join(": "));
    const head = ["GET / HTTP/1.1", "Host: relay", "Connection: Upgrade, close", "Upgrade: h2c", ...fields];
    client.send(`${head.join("\r\n")}\r\n\r\n`);
    expect(String(await client.rest())).toMatch(/^HTTP\/1.1 200 .*undefined/s);
  });
});
