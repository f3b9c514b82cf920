// An upstream HTTP proxy behind TLS: used with a certificate that holds for its name, and with no other.

import { createServer } from "node:https";
import { connect, type Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ChainedOutbound } from "../../../relay/outbound/chained.ts";
import { DirectOutbound } from "../../../relay/outbound/direct.ts";
import { HttpConnectClient } from "../../../relay/outbound/http-client.ts";
import { selfSigned } from "../../support/certificate.ts";
import { listenForTest, RawClient, startEcho } from "../harness.ts";

const trusted = selfSigned();
const before = getCACertificates();

beforeAll(() => setDefaultCACertificates([...before, trusted.cert]));
afterAll(() => setDefaultCACertificates(before));

const OPTIONS = { refusal: () => undefined, signal: new AbortController().signal, user: "" };

async function startSecureProxy({ key, cert } = trusted) {
  const server = createServer({ key, cert }).on("connect", (req, socket: Socket) => {
    const target = connect(Number(req.url?.split(":")[1]), "127.0.0.1");
    for (const end of [socket, target]) end.on("error", () => undefined);
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.pipe(target).pipe(socket);
  });
  return listenForTest(server as unknown as Parameters<typeof listenForTest>[0]);
}

function throughProxy(host: string, port: number) {
  return new ChainedOutbound({
    server: { host, port },
    tls: true,
    via: new DirectOutbound(),
    serverRefusal: () => undefined,
    machineFor: (target) => new HttpConnectClient(target, undefined),
  });
}

describe("an upstream proxy behind TLS", () => {
  it.each(["localhost", "127.0.0.1"])("is used when its certificate holds for %s", async (host) => {
    const outbound = throughProxy(host, await startSecureProxy());
    const socket = await outbound.connect({ host: "127.0.0.1", port: await startEcho() }, OPTIONS);
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    socket.resume();
    client.send("ping");
    expect(String(await client.take(4))).toBe("ping");
  });

  it("is not used when nobody vouches for its certificate", async () => {
    const outbound = throughProxy("localhost", await startSecureProxy(selfSigned()));
    const dial = outbound.connect({ host: "127.0.0.1", port: 80 }, OPTIONS);
    await expect(dial).rejects.toMatchObject({
      code: "proxy_failed",
      message: expect.stringContaining("self-signed"),
    });
  });
});
