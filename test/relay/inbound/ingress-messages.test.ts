// The forms of messages that the ingress must not change: encoded, without body, with odd bytes, with trailers.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { buffer as readAll, text as readText } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { startTarget } from "../harness.ts";
import { ask, openRequest, replyTo, signedFor, startIngress, startOrigin } from "./ingress-client.ts";

describe("a message through the ingress", () => {
  it("leaves encoded bodies encoded", async () => {
    const { port } = await startIngress();
    const zipped = gzipSync("text ".repeat(100));
    const origin = await startOrigin((_, res) => {
      res.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": zipped.length }).end(zipped);
    });
    const outgoing = await openRequest(port, `${origin}/`);
    outgoing.end();
    const reply = await replyTo(outgoing);
    expect(reply.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-length": String(zipped.length),
    });
    expect(await readAll(reply)).toEqual(zipped);
  });

  it.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ])("answers %s with %i without a body, and goes on using the connection", async (method, status) => {
    const { port } = await startIngress();
    const origin = await startOrigin((_, res) => {
      res.writeHead(status, { ETag: '"1"', ...(status === 204 ? {} : { "Content-Length": "5" }) }).end();
    });
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    for (let times = 0; times < 2; times++) {
      const fields = Object.entries(await signedFor(`${origin}/`, method)).map((field) => field.join(": "));
      socket.write(`${method} / HTTP/1.1\r\nHost: relay\r\n${fields.join("\r\n")}\r\n\r\n`);
      const head = String((await once(socket, "data"))[0]);
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head).toMatch(/\r\netag: "1"\r\n/i);
      expect(head.endsWith("\r\n\r\n")).toBe(true);
      expect(head).not.toMatch(/transfer-encoding/i);
    }
  });

  it.each([
    ["POST", "", { "Content-Length": "0" }],
    ["GET", "", { "Content-Length": "0" }],
    ["DELETE", "body", { "Content-Length": "4" }],
    ["GET", "body", { "Transfer-Encoding": "chunked" }],
    ["OPTIONS", "", {}],
    ["PROPFIND", "", {}],
  ])("carries %s with the body %j", async (method, body, headers) => {
    const { port } = await startIngress();
    const origin = await startOrigin(async (req, res) => {
      const text = await readText(req);
      res.end(JSON.stringify({ method: req.method, text, length: req.headers["content-length"] }));
    });
    const reply = await ask(port, `${origin}/`, { method, headers }, body);
    expect(JSON.parse(reply.body)).toMatchObject({ method, text: body });
  });

  it("changes no byte of a field or a reason", async () => {
    const { port } = await startIngress();
    let seen: string | undefined;
    const origin = await startTarget((socket) => {
      socket.once("data", (head) => {
        seen = head.toString("latin1");
        socket.end(
          "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\r\nX-Text: \xe9\xff\xc3\xa9\r\nContent-Length: 0\r\n\r\n",
          "latin1",
        );
      });
    });
    const reply = await ask(port, `http://127.0.0.1:${origin}/`, {
      headers: { "X-Text": "\xe9\xff\xc3\xa9" },
    });
    expect(reply).toMatchObject({ status: 200, headers: { "x-text": "\xe9\xff\xc3\xa9" } });
    expect(seen).toMatch(/\r\nx-text: \xe9\xff\xc3\xa9\r\n/i);
  });

  it("is broken off where the origin resets it, although it named no length", async () => {
    const { port, event } = await startIngress();
    const begun = Promise.withResolvers<Socket>();
    const origin = await startTarget((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\npart", () => begun.resolve(socket)));
    });
    const outgoing = await openRequest(port, `http://127.0.0.1:${origin}/`);
    outgoing.end();
    const reply = await replyTo(outgoing);
    expect(String((await once(reply, "data"))[0])).toBe("part");
    (await begun.promise).resetAndDestroy();
    await expect(readText(reply)).rejects.toThrow("aborted");
    expect(await event("connection_closed")).toMatchObject({ down: 4, reason: "failed" });
  });

  it("is asked for once more where the origin resets a connection instead of answering", async () => {
    const { port } = await startIngress();
    let connections = 0;
    const origin = await startTarget((socket) => {
      const isFirst = ++connections === 1;
      socket.once("data", () => {
        if (isFirst) socket.resetAndDestroy();
        else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    expect(await ask(port, `http://127.0.0.1:${origin}/`)).toMatchObject({ status: 200, body: "ok" });
    expect(connections).toBe(2);
  });

  it("is whole where the origin ends it, although it named no length", async () => {
    const { port, event } = await startIngress();
    const origin = await startTarget((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nwhole"));
    });
    expect(await ask(port, `http://127.0.0.1:${origin}/`)).toMatchObject({ status: 200, body: "whole" });
    expect(await event("connection_closed")).toMatchObject({ down: 5, reason: "done" });
  });

  it("drops trailers", async () => {
    const { port } = await startIngress();
    const origin = await startOrigin((_, res) => {
      res.writeHead(200, { Trailer: "X-Sum" });
      res.write("a");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    });
    const outgoing = await openRequest(port, `${origin}/`);
    outgoing.end();
    const reply = await replyTo(outgoing);
    await readAll(reply);
    expect(reply.headers).not.toHaveProperty("trailer");
    expect(reply.trailers).toEqual({});
  });
});
