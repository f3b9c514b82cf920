import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Demo, startDemo } from "../../../relay/demo/origin.ts";

let demo: Demo;

beforeAll(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
});

afterAll(() => demo.stop());

async function connect(protocols?: string[]): Promise<WebSocket> {
  const socket = new WebSocket(`${demo.url.replace("http", "ws")}/echo`, protocols);
  await once(socket, "open");
  return socket;
}

describe("createEcho", () => {
  it("returns text as text and binary as binary, in order", async () => {
    const socket = await connect();
    const got: [string, boolean][] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data, isBinary) => {
        got.push([String(data), isBinary]);
        if (got.length === 200) resolve();
      });
    });
    for (let n = 0; n < 200; n++) socket.send(n % 2 === 0 ? `${n}` : Buffer.from(`${n}`));
    await all;
    expect(got).toEqual(Array.from({ length: 200 }, (_, n) => [`${n}`, n % 2 === 1]));
    socket.close();
  });

  it("closes with the code and reason asked for", async () => {
    const socket = await connect();
    socket.send("close:4001:as you wish: so");
    const [code, reason] = await once(socket, "close");
    expect([code, String(reason)]).toEqual([4001, "as you wish: so"]);
  });

  it("says so when a close code is not allowed", async () => {
    const socket = await connect();
    socket.send("close:1005:");
    const [message] = await once(socket, "message");
    expect(String(message)).toContain("cannot close so");
    socket.close();
  });

  it("accepts the subprotocol echo.v1 among others, and no other", async () => {
    const socket = await connect(["other", "echo.v1"]);
    expect(socket.protocol).toBe("echo.v1");
    socket.close();
    const refused = new WebSocket(`${demo.url.replace("http", "ws")}/echo`, ["other"]);
    const [error] = await once(refused, "error");
    expect(String(error)).toContain("subprotocol");
  });

  it("refuses upgrades elsewhere and plain requests to itself", async () => {
    const socket = new WebSocket(`${demo.url.replace("http", "ws")}/headers`);
    const [error] = await once(socket, "error");
    expect(String(error)).toContain("404");
    expect((await fetch(`${demo.url}/echo`)).status).toBe(426);
  });

  it("does not hold more than its bound for a client that does not read", async () => {
    const socket = await connect();
    socket.pause();
    const piece = Buffer.alloc(1024 * 1024);
    for (let n = 0; n < 64; n++) socket.send(piece);
    let received = 0;
    socket.on("message", (data: Buffer) => {
      received += data.length;
    });
    // All 64 MiB come back once it reads, though the echo may hold only a part of them at a time.
    socket.resume();
    await expect.poll(() => received, { timeout: 10_000 }).toBe(64 * 1024 * 1024);
    socket.close();
  });
});
