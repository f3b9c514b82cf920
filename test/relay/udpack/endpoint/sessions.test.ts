// Sessions as their owners see them: who may have one, how many, and how they end.

import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { UDPACK_ENDPOINT_LIMITS } from "../../../../shared/limits.ts";
import {
  echo,
  nextSession,
  nextStream,
  testClient,
  testKeys,
  testServer,
  text,
} from "../../../support/udpack.ts";
import { RawClient, streamFrame } from "../../../support/udpack-raw.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function server(...options: Parameters<typeof testServer>) {
  const made = await testServer(...options);
  opened.push(made);
  return made;
}

function client(...options: Parameters<typeof testClient>) {
  const made = testClient(...options);
  opened.push(made);
  return made;
}

describe("listen", () => {
  it("tells who a client is by its key, and that it is there before it opens a stream", async () => {
    const at = await server();
    const seen = once(at, "session");
    client(at.address.port, { persistent: true });
    const [session, who] = await seen;
    expect(who).toBe("tester");
    expect(at.sessions).toEqual([session]);
    expect(at.handshakes?.responses).toBe(1);
  });

  it("refuses a port that is taken", async () => {
    const at = await server();
    await expect(testServer({ port: at.address.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("is silent to a client that pinned another server key", async () => {
    const at = await server();
    const one = client(at.address.port, { serverKey: testKeys(9).public });
    const [error] = await once(one.openStream(), "error");
    expect(error.code).toBe("unreachable");
    expect(at.handshakes).toMatchObject({ examined: 0, responses: 0 });
  }, 10_000);

  it("keeps a bounded number of sessions of one client: the one that was silent for longest goes", async () => {
    const at = await server();
    for (let n = 0; n < UDPACK_ENDPOINT_LIMITS.SESSIONS_PER_CLIENT_MAX; n++) {
      const coming = nextSession(at);
      client(at.address.port, { persistent: true });
      await coming;
    }
    const [first] = at.sessions;
    const closed = once(first ?? at, "close");
    client(at.address.port, { persistent: true });
    expect(await closed).toEqual(["replaced", "", false]);
    expect(at.sessions).toHaveLength(UDPACK_ENDPOINT_LIMITS.SESSIONS_PER_CLIENT_MAX);
  });

  it("takes a client off that may no longer connect, and lets it in again later", async () => {
    let allowed = true;
    const at = await server({ allowed: () => (allowed ? "tester" : undefined) });
    echo(at);
    const coming = nextSession(at);
    const one = client(at.address.port);
    const stream = one.openStream();
    stream.write("x");
    const session = await coming;
    allowed = false;
    session.close("refused");
    await once(stream, "error");
    expect(at.sessions).toEqual([]);
    const refused = one.openStream();
    const [error] = await once(refused, "error");
    expect(error.code).toBe("unreachable");
    allowed = true;
    const again = one.openStream();
    again.end("again");
    expect(await text(again)).toBe("again");
  }, 15_000);

  it("tells its clients when it stops", async () => {
    const at = await testServer();
    const one = client(at.address.port);
    const stream = one.openStream();
    const coming = nextSession(at);
    stream.write("x");
    await coming;
    const down = once(one, "down");
    await at.close();
    expect(await down).toEqual(["going_away"]);
  });
});

describe("connect", () => {
  it("can be closed by whoever is told that a stream takes more", async () => {
    const at = await server();
    const sink = nextSession(at).then(async (session) => {
      const closed = once(session, "close");
      (await nextStream(session)).resume();
      return closed;
    });
    const one = client(at.address.port);
    const stream = one.openStream();
    let drains = 0;
    const fill = (): void => {
      while (stream.write(Buffer.alloc(65_536)));
    };
    stream.on("drain", () => {
      drains += 1;
      if (drains < 30) fill();
      else one.close();
    });
    fill();
    expect(await sink).toEqual(["none", "", true]);
  });

  it("ends its session with a word", async () => {
    const at = await server();
    const coming = nextSession(at);
    const one = client(at.address.port, { persistent: true });
    const session = await coming;
    const closed = once(session, "close");
    one.close();
    expect(await closed).toEqual(["none", "", true]);
    expect(one.openStream().destroyed).toBe(true);
  });

  it("comes back by itself if it is persistent", async () => {
    const at = await server();
    const first = nextSession(at);
    client(at.address.port, { persistent: true });
    (await first).close("going_away");
    expect((await nextSession(at)).endedBy).toBeUndefined();
  });

  it("keeps no session, and asks for none, while nothing needs it", async () => {
    const at = await server();
    echo(at);
    const one = client(at.address.port);
    expect(one.session).toBeUndefined();
    const stream = one.openStream();
    stream.end("x");
    expect(await text(stream)).toBe("x");
    at.sessions[0]?.close("going_away");
    await once(one, "down");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(one.session).toBeUndefined();
    expect(at.handshakes?.responses).toBe(1);
  });
});

describe("the WebSocket carrier", () => {
  it("takes its path and its subprotocol only", async () => {
    const at = await server({ webSocket: true });
    const base = `ws://127.0.0.1:${at.address.port}`;
    for (const [path, protocol] of [
      ["/", "udpack.v1"],
      ["/udpack", "chat"],
      ["/udpack?x=1", "udpack.v1"],
    ] as const) {
      const [error] = await once(new WebSocket(base + path, protocol), "error");
      expect(String(error)).toContain("404");
    }
    const page = new WebSocket(`${base}/udpack`, "udpack.v1", { origin: "https://page.example" });
    expect(String((await once(page, "error"))[0])).toContain("404");
    const right = new WebSocket(`${base}/udpack`, "udpack.v1");
    await once(right, "open");
    expect(right.protocol).toBe("udpack.v1");
    right.close();
    const plain = await fetch(`http://127.0.0.1:${at.address.port}/udpack`);
    expect(plain.status).toBe(404);
  });

  it("ends at a text and at a message that no datagram is as large as", async () => {
    const at = await server({ webSocket: true });
    for (const message of ["text", Buffer.alloc(65_536)]) {
      const socket = new WebSocket(`ws://127.0.0.1:${at.address.port}/udpack`, "udpack.v1");
      socket.on("error", () => {});
      await once(socket, "open");
      socket.send(message);
      const [code] = await once(socket, "close");
      expect([1_003, 1_009]).toContain(code);
    }
  });

  it("survives what is not WebSocket at all", async () => {
    const at = await server({ webSocket: true });
    const socket = connectTcp(at.address.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /udpack HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n");
    socket.write("Sec-WebSocket-Protocol: udpack.v1\\r\\n\\r\\n\\x00\\xff\\x00");
    socket.resume();
    await once(socket, "close");
    const one = client(at.address.port, { persistent: true });
    await once(one, "session");
    expect(one.session?.endedBy).toBeUndefined();
  });

  it("has places for others when one network takes all that it gets", async () => {
    const at = await server({ webSocket: true });
    const sockets = Array.from({ length: UDPACK_ENDPOINT_LIMITS.WEBSOCKETS_PER_NETWORK_MAX }, () =>
      connectTcp({ port: at.address.port, host: "127.0.0.1", localAddress: "127.0.0.2" }).on(
        "error",
        () => {},
      ),
    );
    opened.push({ close: () => sockets.map((socket) => socket.destroy()) });
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const ask = async (): Promise<string> => {
      const socket = connectTcp({ port: at.address.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      socket.on("error", () => {}).write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      let answer = "";
      socket.on("data", (data) => {
        answer += String(data);
      });
      await new Promise((resolve) => socket.once("close", resolve));
      return answer;
    };
    expect(await ask()).not.toContain("HTTP");
    const other = new WebSocket(`ws://127.0.0.1:${at.address.port}/udpack`, "udpack.v1");
    await once(other, "open");
    other.close();
    sockets[0]?.destroy();
    await expect.poll(ask).toContain("404");
  });

  /** A carrier with a session, by hand. */
  async function carrierTo(port: number): Promise<{ carrier: WebSocket; raw: RawClient }> {
    const carrier = new WebSocket(`ws://127.0.0.1:${port}/udpack`, "udpack.v1");
    await once(carrier, "open");
    opened.push({ close: () => carrier.terminate() });
    const raw = new RawClient();
    const answer = once(carrier, "message");
    carrier.send(raw.initiation());
    expect(raw.answered((await answer)[0])).toBe(true);
    return { carrier, raw };
  }

  it("begins no session on a server that is about to close", async () => {
    const at = await testServer({ webSocket: true });
    const { carrier, raw } = await carrierTo(at.address.port);
    let sessions = 0;
    at.on("session", () => {
      sessions += 1;
    });
    const closing = at.close();
    carrier.send(raw.sealed(Uint8Array.of(1)));
    await once(carrier, "close");
    await closing;
    expect(sessions).toBe(0);
  });

  it("lets go of a session that was closed while the peer read nothing, when it ends", async () => {
    const at = await server({ webSocket: true });
    const coming = nextSession(at);
    const { carrier, raw } = await carrierTo(at.address.port);
    carrier.send(raw.sealed(streamFrame(0, "much, please")));
    const session = await coming;
    const stream = await nextStream(session);
    carrier.pause();
    stream.on("error", () => {});
    const { engine } = session;
    while (engine.backlogBytes() < UDPACK_ENDPOINT_LIMITS.WEBSOCKET_BACKLOG_BYTES) {
      stream.write(Buffer.alloc(1024 * 1024));
      await new Promise((resolve) => setImmediate(resolve));
    }
    session.close("refused");
    const { keys } = session.established;
    await new Promise((resolve) => setImmediate(resolve));
    expect(keys.nextNumber()).toBeLessThan(2 ** 48);
    carrier.terminate();
    // Keys that were destroyed seal nothing any more.
    await expect.poll(() => keys.nextNumber()).toBe(2 ** 48);
  });
});
