// Upstreams over TLS, served locally: whose certificates the edge trusts is said to Node as for any program of it.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { selfSigned } from "../support/certificate.ts";
import { type CliRun, pressCtrlC, runCli } from "../support/cli.ts";
import { namedPort } from "../support/named-port.ts";

const HOST = "tls.localhost";
const certificate = selfSigned();

let directory: string;
let upstream: Server;

beforeAll(async () => {
  upstream = createServer(certificate, (_, reply) => reply.end("over TLS"));
  const sockets = new WebSocketServer({ server: upstream });
  sockets.on("connection", (socket) => socket.on("message", (message) => socket.send(`echo ${message}`)));
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  directory = await mkdtemp(join(tmpdir(), "causeway-tls-"));
  const { port } = upstream.address() as AddressInfo;
  const config = `[[hosts]]\nhost = "${HOST}"\nupstreams = ["https://localhost:${port}"]\n`;
  await writeFile(join(directory, "causeway.toml"), config);
  await writeFile(join(directory, "ca.pem"), certificate.cert);
});

afterAll(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function start(edgePort: number, env: NodeJS.ProcessEnv): Promise<CliRun> {
  const ports = ["--edge-port", String(edgePort), "--demo-port", "0"];
  const run = runCli(["start", "--config", "causeway.toml", ...ports, "--state", ".causeway"], {
    cwd: directory,
    env,
  });
  await run.until(/Stop with Ctrl-C/);
  return run;
}

async function ask(port: number): Promise<string> {
  const [reply] = await once(get({ host: "127.0.0.1", port, headers: { host: HOST } }), "response");
  return `${reply.statusCode} ${await text(reply)}`;
}

async function echo(port: number): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: HOST } });
  await once(socket, "open");
  socket.send("hello");
  const [message] = await once(socket, "message");
  socket.terminate();
  return String(message);
}

describe("an upstream with a certificate of one's own", { timeout: 60_000 }, () => {
  it("is reached, by WebSockets too, once NODE_EXTRA_CA_CERTS names its authority", async () => {
    const port = await namedPort();
    const run = await start(port, { NODE_EXTRA_CA_CERTS: join(directory, "ca.pem") });
    try {
      expect(await ask(port)).toBe("200 over TLS");
      expect(await echo(port)).toBe("echo hello");
    } finally {
      pressCtrlC(run);
      await run.ended;
    }
  });

  it("is not trusted without", async () => {
    const port = await namedPort();
    const run = await start(port, { NODE_EXTRA_CA_CERTS: undefined });
    try {
      expect(await ask(port)).toMatch(/^502 .*"upstream_unreachable"/);
    } finally {
      pressCtrlC(run);
      await run.ended;
    }
  });
});
