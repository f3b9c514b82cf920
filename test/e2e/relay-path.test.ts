// The way through the relay: bytes by SOCKS5, by HTTP CONNECT and by plain HTTP proxying arrive unchanged, and the edge's
// stats say exactly these bytes.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoBytes } from "../../relay/demo/bodies.ts";
import { hashPassword } from "../../relay/password.ts";
import type { FlowKind } from "../../shared/flow/flow.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type Count, readCount, untilCounted, untilListed } from "../support/stats.ts";
import {
  endedInOrder,
  finish,
  move,
  type OpenTunnel,
  openConnect,
  openSocks,
  startTarget,
  type TcpTarget,
} from "../support/tunnel.ts";

const MIB = 1024 * 1024;
const LARGE = 64 * MIB;
const SERVICE = "main/mixed";
const ALICE = { name: "alice", password: "correct horse" };
const WAYS: readonly [FlowKind, OpenTunnel][] = [
  ["socks", openSocks],
  ["connect", openConnect],
];

let product: Product;
let target: TcpTarget;
/** An inbound without and one with authentication. */
let open: number;
let closed: number;

beforeAll(async () => {
  const hash = await hashPassword(ALICE.password);
  target = await startTarget();
  product = await startProduct({
    relay: {
      users: [{ name: ALICE.name, password: hash }],
      inbounds: [
        { kind: "mixed", listen: "127.0.0.1:0", auth: "none" },
        { kind: "mixed", listen: "127.0.0.1:0", auth: "password" },
      ],
    },
  });
  [open = 0, closed = 0] = product.proxyPorts;
});

afterAll(async () => {
  await product?.stop();
  await target?.stop();
});

/** What is counted so far, to be added to. */
async function countedBefore(kind: FlowKind) {
  const count = await readCount(product, SERVICE, kind);
  return (more: Count): Count =>
    Object.fromEntries(
      Object.entries(more).map(([name, value]) => [name, (count[name as keyof Count] ?? 0) + value]),
    );
}

describe.each(WAYS)("a tunnel by %s", (kind, openTunnel) => {
  it("carries 64 MiB each way at once, and the edge counts exactly these bytes", async () => {
    const plus = await countedBefore(kind);
    const tunnel = await target.through(openTunnel, open);
    await Promise.all([move(tunnel.client, tunnel.server, LARGE), move(tunnel.server, tunnel.client, LARGE)]);
    await finish(tunnel);
    const counts = plus({ requests: 1, up: LARGE, down: LARGE, aborted: 0, errors: 0, active: 0 });
    await untilCounted(product, SERVICE, counts, kind);
  });

  it("takes the right password only, and is listed with its user's name while it is open", async () => {
    const plus = await countedBefore(kind);
    await expect(openTunnel(closed, target.port)).rejects.toThrow(/Cannot|closed/);
    await expect(openTunnel(closed, target.port, { ...ALICE, password: "guess" })).rejects.toThrow(/Cannot/);
    const tunnel = await target.through(openTunnel, closed, ALICE);
    await move(tunnel.client, tunnel.server, 1_000);
    expect(await untilListed(product, kind, ({ user, up }) => user !== "" && up > 0)).toMatchObject({
      service: SERVICE,
      client: "127.0.0.1",
      target: `127.0.0.1:${target.port}`,
      user: ALICE.name,
      up: 1_000,
    });
    await finish(tunnel);
    await untilCounted(
      product,
      SERVICE,
      plus({ requests: 1, up: 1_000, down: 0, errors: 0, active: 0 }),
      kind,
    );
  });

  it("that either side breaks off is marked aborted, with the bytes until then, and the other side hears of it", async () => {
    const plus = await countedBefore(kind);
    const left = await target.through(openTunnel, open);
    await move(left.server, left.client, 3 * MIB);
    left.client.resetAndDestroy();
    expect(await endedInOrder(left.server)).toBe(false);
    const failed = await target.through(openTunnel, open);
    await move(failed.client, failed.server, 2 * MIB);
    failed.server.resetAndDestroy();
    expect(await endedInOrder(failed.client)).toBe(false);
    const counts = plus({ requests: 2, up: 2 * MIB, down: 3 * MIB, aborted: 2, active: 0 });
    await untilCounted(product, SERVICE, counts, kind);
  });
});

describe("a plain HTTP request", () => {
  async function throughProxy(path: string, body?: Readable): Promise<IncomingMessage> {
    const outgoing = request({
      host: "127.0.0.1",
      port: open,
      path: `${product.demo}${path}`,
      method: body === undefined ? "GET" : "PUT",
      headers: { host: new URL(product.demo).host },
      agent: false,
    });
    const replied = once(outgoing, "response") as Promise<[IncomingMessage]>;
    if (body === undefined) outgoing.end();
    else await pipeline(body, outgoing);
    return (await replied)[0];
  }

  function digest(pieces: Iterable<Buffer>): string {
    const hash = createHash("sha256");
    for (const piece of pieces) hash.update(piece);
    return hash.digest("hex");
  }

  it("carries bodies both ways, and the edge counts exactly these bytes", async () => {
    const plus = await countedBefore("proxy");
    const down = Buffer.concat(await (await throughProxy(`/bytes/${5 * MIB}`)).toArray());
    expect(digest([down])).toBe(digest(demoBytes(0, 5 * MIB)));
    const answer = await (await throughProxy("/upload", Readable.from(demoBytes(0, 7 * MIB)))).toArray();
    const uploaded = Buffer.concat(answer);
    expect(JSON.parse(uploaded.toString())).toEqual({
      bytes: 7 * MIB,
      sha256: digest(demoBytes(0, 7 * MIB)),
    });
    const bytes = { up: 7 * MIB, down: 5 * MIB + uploaded.length };
    await untilCounted(product, SERVICE, plus({ requests: 2, ...bytes, aborted: 0, active: 0 }), "proxy");
  });

  it("that the client breaks off is marked aborted", async () => {
    const plus = await countedBefore("proxy");
    const reply = await throughProxy("/slow?bytes=5000000&ms=60000");
    await once(reply, "data");
    reply.destroy();
    await untilCounted(product, SERVICE, plus({ requests: 1, aborted: 1, active: 0 }), "proxy");
  });
});
