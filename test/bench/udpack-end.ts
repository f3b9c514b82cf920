// One end of a UDPack tunnel for `npm run bench:udpack`, in a process of its own: a plain TCP forward over the endpoints of
// relay/udpack, each connection a stream. No tunnel protocol, users or policy on top.

import { connect, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { pipe } from "../../relay/pipe.ts";
import type { PacketEngine } from "../../relay/udpack/engine/engine.ts";
import { testClient, testServer } from "../support/udpack.ts";
import type { UdpackEnd } from "./udpack-tunnels.ts";

const IDLE_TIMEOUT_MS = 60_000;

const [, , port, order] = process.argv;
const { role, host, to, offload, mtu } = JSON.parse(order ?? "{}") as UdpackEnd;

if (role === "server") {
  const server = await testServer({ address: host, port: Number(port), offload, mtu });
  mustRun(server.engine);
  server.on("session", (session) => {
    session.on("stream", (stream) => {
      const target = connect({ host, port: to, allowHalfOpen: true, noDelay: true });
      target.once("error", () => stream.destroy());
      target.once("connect", () => forward(stream, target));
    });
  });
} else {
  const server = { host, portFirst: to, portLast: to };
  const client = testClient(to, { server, offload, mtu, persistent: true });
  client.on("session", ({ engine }) => mustRun(engine));
  createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    forward(socket, client.openStream());
  }).listen(Number(port), "127.0.0.1");
}

/** Endpoints fall back to the portable engine in silence, which would be measured under the other's name. */
function mustRun({ kind }: PacketEngine): void {
  if (offload && kind !== "offload") throw new Error(`Cannot use the offload engine: got ${kind}`);
}

function forward(near: Duplex, far: Duplex): void {
  void pipe(near, far, { flow: { up: 0, down: 0 }, idleTimeoutMs: IDLE_TIMEOUT_MS });
}
