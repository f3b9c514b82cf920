import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { breakOff } from "../../relay/break-off.ts";
import { listenForTest, RawClient } from "./harness.ts";

async function pair(): Promise<{ near: Socket; far: RawClient }> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listenForTest(server);
  const near = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void near.destroy());
  const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")]);
  return { near, far: new RawClient(far) };
}

describe("breakOff", () => {
  it("resets an open socket", async () => {
    const { near, far } = await pair();
    breakOff(near);
    expect((await far.closed())?.code).toBe("ECONNRESET");
  });

  it("ends a TLS socket, which cannot be reset", async () => {
    const { near, far } = await pair();
    const secure = new TLSSocket(near);
    secure.on("error", () => undefined);
    breakOff(secure);
    await far.rest();
    expect(secure.destroyed).toBe(true);
  });

  it("closes a socket whose shutdown is under way, instead of losing it", async () => {
    const { near, far } = await pair();
    near.end("all");
    breakOff(near);
    await once(near, "close");
    expect((await far.rest()).toString()).toBe("all");
  });

  it("resets a socket that was ended with bytes still unsent", async () => {
    const { near, far } = await pair();
    far.socket.pause();
    near.end(Buffer.alloc(32 * 1024 * 1024));
    breakOff(near);
    await once(near, "close");
    far.socket.resume();
    expect((await far.closed())?.code).toBe("ECONNRESET");
  });

  it("destroys what is no socket", () => {
    const stream = new PassThrough();
    breakOff(stream);
    expect(stream.destroyed).toBe(true);
  });
});
