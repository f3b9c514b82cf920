// Targets behind TLS: reached only with a certificate that holds for the name that the edge asked for.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { selfSigned } from "../../support/certificate.ts";
import { listenForTest } from "../harness.ts";
import { ask, refusalOf, signedFor, startIngress } from "./ingress-client.ts";

const trusted = selfSigned();
const before = getCACertificates();
const DNS: RelayConfig["dns"] = { servers: [], min_ttl: 0, max_ttl: 0, family: "ipv4" };

beforeAll(() => setDefaultCACertificates([...before, trusted.cert]));
afterAll(() => setDefaultCACertificates(before));

/** An origin that says which name it was asked for in the handshake. */
async function startSecureOrigin({ key, cert } = trusted) {
  const server = createServer({ key, cert }, (req, res) => {
    res.end(`${req.headers.host} ${(req.socket as TLSSocket & { servername: string | false }).servername}`);
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data) => socket.send(data));
  });
  return listenForTest(server as unknown as Parameters<typeof listenForTest>[0]);
}

/** A hosts file that leads other.test here. */
async function hostsFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hosts-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "hosts"), "127.0.0.1 other.test\n");
  return join(folder, "hosts");
}

describe("a target behind TLS", () => {
  it("is reached by name and by address, each with its own Host", async () => {
    const { port } = await startIngress();
    const origin = await startSecureOrigin();
    expect((await ask(port, `https://localhost:${origin}/`)).body).toBe(`localhost:${origin} localhost`);
    expect((await ask(port, `https://127.0.0.1:${origin}/`)).body).toBe(`127.0.0.1:${origin} false`);
  });

  it("whose certificate nobody vouches for, or is for another name, is not reached", async () => {
    const { port, of } = await startIngress();
    const stranger = await startSecureOrigin(selfSigned());
    expect(refusalOf(await ask(port, `https://localhost:${stranger}/`))).toBe("upstream_invalid");
    const origin = await startSecureOrigin();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      headers: await signedFor(`https://localhost:${stranger}/`),
    });
    const [, reply] = await once(socket, "unexpected-response");
    expect(reply.headers["x-causeway-relay-error"]).toBe("upstream_invalid");
    const other = await startIngress({ config: { dns: { ...DNS, hosts_file: await hostsFile() } } });
    expect(refusalOf(await ask(other.port, `https://other.test:${origin}/`))).toBe("upstream_invalid");
    expect(of("dial_failed").map(({ why }) => why)).toEqual([
      expect.stringContaining("self-signed"),
      expect.stringContaining("self-signed"),
    ]);
    expect(other.of("dial_failed")[0]?.why).toContain("other.test");
  });

  it("carries WebSockets, and is broken off at the relay's stop", async () => {
    const { port, relay, event } = await startIngress({ config: { drain_timeout: 50 } });
    const target = `https://localhost:${await startSecureOrigin()}/`;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: await signedFor(target) });
    await once(socket, "open");
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hello");
    const closed = once(socket, "close");
    await relay.stop();
    await closed;
    expect(await event("connection_closed")).toMatchObject({ reason: "closed" });
  });
});
