// Small requests through a proxy, one after the other, each on a connection of its own, for the relay benchmarks. Prints how
// long they took from connecting to the last byte, in milliseconds, as JSON.

import { once } from "node:events";
import { connect } from "node:net";
import { percentile } from "./figures.ts";
import type { SmallRequests } from "./relay-load.ts";

interface Order {
  readonly port: number;
  /** The target asked of the SOCKS proxy; absent: the port itself leads to the origin. */
  readonly socksTarget?: number;
  readonly seconds: number;
}

const BYTES = 100;
const { port, socksTarget, seconds } = JSON.parse(process.argv[2] ?? "{}") as Order;

async function one(): Promise<number> {
  const startedAt = performance.now();
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  if (socksTarget !== undefined) {
    socket.write(Buffer.from([5, 1, 0]));
    await once(socket, "data");
    socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, socksTarget >> 8, socksTarget & 255]));
    await once(socket, "data");
  }
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.write(`D ${BYTES}\n`);
  await once(socket, "end");
  if (received !== BYTES) throw new Error(`${received} of ${BYTES} bytes arrived`);
  const tookMs = performance.now() - startedAt;
  socket.destroy();
  return tookMs;
}

const endsAt = performance.now() + seconds * 1_000;
const times: number[] = [];
while (performance.now() < endsAt) times.push(await one());
const result: SmallRequests = {
  count: times.length,
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99),
};
process.stdout.write(JSON.stringify(result));
process.exit(0);
