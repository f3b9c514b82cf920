import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { buffer as readAll } from "node:stream/consumers";
import { describe, expect, it, vi } from "vitest";
import { closedPort, startTarget } from "../harness.ts";
import { ask, openRequest, refusalOf, replyTo, startIngress, startOrigin } from "./ingress-client.ts";

const MIB = 1024 * 1024;

async function hashOf(stream: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe("the ingress", () => {
  it("carries a request to its target as it is, with the target's Host", async () => {
    const { port, event } = await startIngress();
    let seen: IncomingMessage | undefined;
    const origin = await startOrigin((req, res) => {
      seen = req;
      res.writeHead(203, "Fine", { "X-Reply": "yes", "Set-Cookie": ["a=1", "b=2"], Date: "then" });
      res.end("body");
    });
    const headers = {
      "X-Forwarded-For": "203.0.113.9",
      "X-Forwarded-Host": "app.example.com",
      "X-Own": "1",
      Connection: "x-hop",
      "X-Hop": "1",
    };
    const reply = await ask(port, `${origin}/a//b/../c?x=%2f&token=secret`, { headers });
    expect(reply).toMatchObject({ status: 203, body: "body" });
    expect(reply.headers).toMatchObject({ "x-reply": "yes", "set-cookie": ["a=1", "b=2"], date: "then" });
    expect(seen?.url).toBe("/a//b/../c?x=%2f&token=secret");
    expect(seen?.headers).toMatchObject({
      host: origin.slice("http://".length),
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-host": "app.example.com",
      "x-own": "1",
    });
    for (const name of ["x-hop", "x-causeway-target", "x-causeway-signature", "via"]) {
      expect(seen?.headers).not.toHaveProperty(name);
    }
    expect(await event("connection_closed")).toMatchObject({
      kind: "proxy",
      client: "203.0.113.9",
      target: `${origin}/a//b/../c`,
      down: 4,
      reason: "done",
    });
  });

  it("lets nothing of an origin pass for its own refusal", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin((_, res) =>
      res.writeHead(502, { "X-Causeway-Relay-Error": "fake" }).end("{}"),
    );
    const reply = await ask(port, `${origin}/`);
    expect(reply.status).toBe(502);
    expect(reply.headers).not.toHaveProperty("x-causeway-relay-error");
  });

  it("streams 64 MiB each way unchanged", { timeout: 60_000 }, async () => {
    const { port, event } = await startIngress();
    const part = randomBytes(MIB);
    const whole = createHash("sha256");
    for (let index = 0; index < 64; index++) whole.update(part);
    const expected = whole.digest("hex");
    const origin = await startOrigin(async (req, res) => {
      res.setHeader("X-Hash", await hashOf(req));
      res.setHeader("Content-Length", 64 * MIB);
      for (let index = 0; index < 64; index++) if (!res.write(part)) await once(res, "drain");
      res.end();
    });
    const outgoing = await openRequest(port, `${origin}/`, { method: "POST" });
    for (let index = 0; index < 64; index++) if (!outgoing.write(part)) await once(outgoing, "drain");
    outgoing.end();
    const reply = await replyTo(outgoing);
    expect(reply.headers["x-hash"]).toBe(expected);
    expect(await hashOf(reply)).toBe(expected);
    expect(await event("connection_closed")).toMatchObject({ up: 64 * MIB, down: 64 * MIB });
  });

  it("holds back an origin whose reply nobody reads", async () => {
    const { port } = await startIngress();
    let written = 0;
    const origin = await startOrigin((_, res) => {
      const more = (): void => {
        if (res.destroyed) return;
        written += MIB;
        res.write(Buffer.alloc(MIB), (error) => error ?? more());
      };
      more();
    });
    const outgoing = await openRequest(port, `${origin}/`);
    outgoing.end();
    const reply = await replyTo(outgoing);
    reply.pause();
    let before = -1;
    await vi.waitFor(
      () => {
        const moved = written - before;
        before = written;
        expect(moved).toBe(0);
      },
      { timeout: 10_000, interval: 300 },
    );
    expect(written).toBeLessThan(32 * MIB);
  });

  it("passes the head on at once, and each part as it comes", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin((req, res) => {
      res.flushHeaders();
      req.once("data", () => req.on("data", (chunk: Buffer) => res.write(chunk)));
      req.on("end", () => res.end());
    });
    const outgoing = await openRequest(port, `${origin}/`, { method: "POST" });
    outgoing.write("unanswered");
    const reply = await replyTo(outgoing);
    for (const text of ["one", "two"]) {
      outgoing.write(text);
      expect(String((await once(reply, "data"))[0])).toBe(text);
    }
    outgoing.end();
  });

  it("tells a client to go on only once it is let in", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin((req, res) => void hashOf(req).then((hash) => res.end(hash)));
    const headers = { Expect: "100-continue", "Content-Length": "4" };
    const outgoing = await openRequest(port, `${origin}/`, { method: "PUT", headers });
    outgoing.flushHeaders();
    await once(outgoing, "continue");
    outgoing.end("body");
    expect((await replyTo(outgoing)).statusCode).toBe(200);
    const stranger = await openRequest(port, `${origin}/`, {
      method: "PUT",
      headers: { ...headers, "X-Causeway-Signature": "v1" },
    });
    const goOn = vi.fn();
    stranger.on("continue", goOn).flushHeaders();
    expect((await replyTo(stranger)).statusCode).toBe(403);
    expect(goOn).not.toHaveBeenCalled();
  });

  it("breaks the connection when a reply breaks off", async () => {
    const { port, event } = await startIngress();
    const origin = await startOrigin((_, res) => {
      res.writeHead(200, { "Content-Length": "1000" });
      res.write("part", () => res.socket?.destroy());
    });
    const outgoing = await openRequest(port, `${origin}/`);
    outgoing.end();
    const reply = await replyTo(outgoing);
    await expect(readAll(reply)).rejects.toThrow();
    expect(await event("connection_closed")).toMatchObject({ reason: "failed", down: 4 });
  });

  it("ends the request to the origin when the edge leaves", async () => {
    const { port, event } = await startIngress();
    const left = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const origin = await startOrigin((_, res) => {
      res.once("close", () => left.resolve());
      reached.resolve();
    });
    const outgoing = await openRequest(port, `${origin}/`);
    outgoing.end();
    await reached.promise;
    outgoing.destroy();
    await left.promise;
    expect((await event("listener_up")).inbound).toBe("test/ingress");
  });

  it("uses a connection to an origin again, and repeats once what meets its end", async () => {
    const { port } = await startIngress();
    const connections = new Set<unknown>();
    let requests = 0;
    const origin = await startOrigin((req, res) => {
      connections.add(req.socket);
      requests++;
      if (requests === 3) req.socket.destroy();
      else res.end("ok");
    });
    for (let times = 0; times < 3; times++)
      expect(await ask(port, `${origin}/`)).toMatchObject({ status: 200 });
    expect(requests).toBe(4);
    expect(connections.size).toBe(2);
    requests = 2;
    const post = await ask(port, `${origin}/`, { method: "POST" }, "body");
    expect(refusalOf(post)).toBe("upstream_invalid");
    expect(requests).toBe(3);
  });

  it("tells what kept it from the target", async () => {
    const { port, of } = await startIngress();
    const refused = await ask(port, `http://127.0.0.1:${await closedPort()}/`);
    expect(refused.status).toBe(502);
    expect(refusalOf(refused)).toBe("connection_refused");
    const garbage = await startTarget((socket) => socket.end("this is not HTTP\r\n\r\n"));
    expect(refusalOf(await ask(port, `http://127.0.0.1:${garbage}/`))).toBe("upstream_invalid");
    const plain = await startTarget((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    expect(refusalOf(await ask(port, `https://127.0.0.1:${plain}/`))).toBe("upstream_invalid");
    expect(of("dial_failed")).toHaveLength(3);
  });

  it("answers when an origin keeps silent for too long", async () => {
    const { port } = await startIngress({ config: { idle_timeout: 1_000 } });
    const silent = await startTarget(() => undefined);
    const reply = await ask(port, `http://127.0.0.1:${silent}/`);
    expect(reply.status).toBe(504);
    expect(refusalOf(reply)).toBe("upstream_timeout");
  });

  it("lets requests under way end when the relay stops", async () => {
    const { port, relay } = await startIngress({ config: { drain_timeout: 5_000 } });
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const origin = await startOrigin((_, res) => {
      reached.resolve();
      void go.promise.then(() => res.end("whole"));
    });
    const asked = ask(port, `${origin}/`);
    await reached.promise;
    const stopped = relay.stop();
    go.resolve();
    expect(await asked).toMatchObject({ status: 200, body: "whole" });
    await stopped;
  });
});
