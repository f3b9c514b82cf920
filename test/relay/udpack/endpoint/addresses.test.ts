// Addresses and carriers of sessions: IPv6, names with several addresses, and addresses that nobody has proven.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { UdpackServer } from "../../../../relay/udpack/endpoint/server.ts";
import { SessionPath } from "../../../../relay/udpack/endpoint/session-path.ts";
import { openWebSocket } from "../../../../relay/udpack/endpoint/websocket-client.ts";
import { openPortable } from "../../../../relay/udpack/engine/portable.ts";
import { decodeFrames, FRAME, type FrameVisitor } from "../../../../relay/udpack/wire/frames.ts";
import {
  digest,
  echo,
  nextSession,
  nextStream,
  testClient,
  testServer,
  text,
  upload,
} from "../../../support/udpack.ts";
import { RawClient, streamFrame } from "../../../support/udpack-raw.ts";

const NOBODY = { received() {}, drained() {}, ended() {} } as const;
const PING = Uint8Array.of(FRAME.ping);

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function server(...options: Parameters<typeof testServer>): Promise<UdpackServer<string>> {
  const made = await testServer(...options);
  opened.push(made);
  return made;
}

function at(host: string, { address: { port } }: UdpackServer<string>) {
  return { host, portFirst: port, portLast: port };
}

describe("a session over IPv6", () => {
  for (const offload of [false, true]) {
    it(`carries streams whole, offload ${offload}`, async () => {
      const on = await server({ address: "::1", offload });
      echo(on);
      const client = testClient(0, { server: at("::1", on), offload });
      opened.push(client);
      const stream = client.openStream();
      const back = digest(stream);
      expect((await upload(stream, 4 * 1024 * 1024)) === (await back).hash).toBe(true);
      expect(on.sessions[0]?.remote.address).toBe("::1");
      expect(client.session?.remote).toEqual({ address: "::1", port: on.address.port });
      if (client.session?.engine.kind === "offload")
        await expect.poll(() => client.session?.stats().mtu).toBe(1_452);
    });

    it(`and one over IPv4 reach a server on [::], offload ${offload}`, async () => {
      const on = await server({ address: "::", offload });
      echo(on);
      for (const host of ["127.0.0.1", "::1"]) {
        const client = testClient(0, { server: at(host, on), offload });
        opened.push(client);
        const stream = client.openStream();
        stream.end(host);
        expect(await text(stream)).toBe(host);
      }
      expect(on.sessions.map(({ remote }) => remote.address)).toEqual(["::ffff:127.0.0.1", "::1"]);
    });
  }

  it("has a WebSocket to fall back to", async () => {
    const on = await server({ address: "::1", webSocket: true });
    const carrier = await openWebSocket({ address: "::1", port: on.address.port }, NOBODY);
    expect(carrier.kind).toBe("websocket");
    carrier.close();
  });
});

describe("a server that is named", () => {
  it("is found by the system's resolver", async () => {
    const on = await server();
    echo(on);
    const client = testClient(0, { server: at("localhost", on) });
    opened.push(client);
    const stream = client.openStream();
    stream.end("by name");
    expect(await text(stream)).toBe("by name");
  });

  it("is found at its second address where the first is silent, or not to be reached at all", async () => {
    const on = await server();
    echo(on);
    for (const first of ["::1", "255.255.255.255"]) {
      const client = testClient(0, {
        server: at("server.example", on),
        resolve: async () => [first, "127.0.0.1"],
      });
      opened.push(client);
      const stream = client.openStream();
      stream.end(first);
      expect(await text(stream)).toBe(first);
    }
  }, 15_000);
});

async function socket(): Promise<Socket> {
  const made = createSocket("udp4");
  made.bind(0, "127.0.0.1");
  await once(made, "listening");
  opened.push(made);
  return made;
}

/** A raw client whose handshake went over `over`. */
async function handshake(over: Socket, { address: { port } }: UdpackServer<string>): Promise<RawClient> {
  const client = new RawClient();
  const answer = once(over, "message");
  over.send(client.initiation(), port, "127.0.0.1");
  const [response] = await answer;
  expect(client.answered(response)).toBe(true);
  return client;
}

/** What a packet challenges, if it does. */
function challengeIn(frames: Uint8Array): Uint8Array | undefined {
  let challenge: Uint8Array | undefined;
  const visitor = new Proxy({} as FrameVisitor, {
    get: (_, name) => (data: unknown) => {
      if (name === "pathChallenge") challenge = Uint8Array.from(data as Uint8Array);
    },
  });
  decodeFrames(frames, visitor);
  return challenge;
}

describe("an allowed client that names another's address", () => {
  it("cannot have that flooded: what did not get the response is not proven", async () => {
    const on = await server();
    on.on("session", (session) => {
      session.on("stream", (stream) => stream.resume().write(Buffer.alloc(4 * 1024 * 1024)));
    });
    const client = await handshake(await socket(), on);
    const victim = await socket();
    const asking = client.sealed(streamFrame(0, "much, please"));
    let got = 0;
    const challenged = Promise.withResolvers<Uint8Array>();
    victim.on("message", (data) => {
      got += data.length;
      if (got > 3 * asking.length) challenged.reject(new Error(`Got ${got} bytes for ${asking.length}`));
      for (const frames of client.opened(data)) {
        const challenge = challengeIn(frames);
        if (challenge) challenged.resolve(challenge);
      }
    });
    victim.send(asking, on.address.port, "127.0.0.1");
    const challenge = await challenged.promise;
    expect(got).toBeLessThanOrEqual(3 * asking.length);
    // Who repeats the challenge is there, and gets what the stream has.
    victim.removeAllListeners("message");
    const more = once(victim, "message");
    victim.send(
      client.sealed(Uint8Array.of(FRAME.path_response, ...challenge)),
      on.address.port,
      "127.0.0.1",
    );
    expect((await more)[0].length).toBeGreaterThan(1_000);
  });

  it("gets no session on another carrier than it asked by", async () => {
    const on = await server({ webSocket: true });
    const sessions: string[] = [];
    on.on("session", ({ engine }) => sessions.push(engine.kind));
    const carrier = new WebSocket(`ws://127.0.0.1:${on.address.port}/udpack`, "udpack.v1");
    await once(carrier, "open");
    opened.push(carrier);
    const client = new RawClient();
    const answer = once(carrier, "message");
    carrier.send(client.initiation());
    expect(client.answered((await answer)[0])).toBe(true);
    const elsewhere = await socket();
    elsewhere.send(client.sealed(PING), on.address.port, "127.0.0.1");
    // The reset of another, unknown session shows that the server has looked at the packet before.
    const reset = once(elsewhere, "message");
    const other = await handshake(await socket(), on);
    const unknown = other.sealed(PING);
    unknown[1] = (unknown[1] ?? 0) ^ 1;
    elsewhere.send(unknown, on.address.port, "127.0.0.1");
    expect((await reset)[0].length).toBe(25);
    expect(sessions).toEqual([]);
    carrier.send(client.sealed(PING));
    const session = await nextSession(on);
    expect(session.engine.kind).toBe("websocket");
  });
});

describe("a stranger's datagram that is read together with a client's", () => {
  it("costs nothing of what is behind it", async () => {
    const on = await server();
    const over = await socket();
    const client = await handshake(over, on);
    const coming = nextSession(on);
    over.send(client.sealed(PING), on.address.port, "127.0.0.1");
    const session = await coming;
    const noise = Buffer.alloc(60, 0xee);
    const covering = Buffer.from(client.sealed(PING));
    covering.writeUInt16BE(70, 9);
    const read = Buffer.concat([noise, covering, client.sealed(streamFrame(0, "still here"))]);
    const stream = nextStream(session);
    over.send(read, on.address.port, "127.0.0.1");
    expect(String((await once(await stream, "data"))[0])).toBe("still here");
  });
});

describe("SessionPath", () => {
  it("sends no probe of the path's size to an address that is not proven", async () => {
    const engine = await openPortable({ address: "127.0.0.1", port: 0, listener: NOBODY });
    opened.push(engine);
    const remote = { address: "192.0.2.1", port: 1 };
    const path = new SessionPath({
      role: "server",
      remote,
      engine: Object.assign(Object.create(engine), { forbidsFragments: true, reliable: false }),
      mtu: 0,
      maxDatagram: 65_507,
      now: 0,
    });
    expect(path.probeBytes(0)).toBe(1_472);
    path.heard({ ...remote, port: 2 }, true, 40, 1);
    expect(path.budget).toBe(120);
    expect(path.probeBytes(1)).toBe(0);
    expect(path.deadline()).toBe(1);
    path.heard(remote, true, 40, 2);
    expect(path.probeBytes(2)).toBe(1_472);
    expect(path.deadline()).toBe(0);
  });
});
