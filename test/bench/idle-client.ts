// Opens many connections through a proxy and leaves them idle, for the relay benchmarks: prints how many there are as soon as
// no more come, and holds them until it is ended. They begin at several addresses of 127/8.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

interface Order {
  readonly port: number;
  /** The target asked of the SOCKS proxy; absent: the port itself leads to the origin. */
  readonly socksTarget?: number;
  readonly connections: number;
}

const AT_ONCE = 50;
const PER_ADDRESS = 5_000;
/** A proxy that serves no more is not waited for. */
const DEADLINE_MS = 30_000;
const ANSWER_MS = 5_000;
const { port, socksTarget, connections } = JSON.parse(process.argv[2] ?? "{}") as Order;
const open = new Set<Socket>();
const endsAt = performance.now() + DEADLINE_MS;
let next = 0;

async function lane(): Promise<void> {
  while (next < connections && performance.now() < endsAt) {
    const number = next++;
    const localAddress = `127.0.1.${1 + Math.floor(number / PER_ADDRESS)}`;
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), ANSWER_MS);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      over.abort();
      open.delete(socket);
    });
    try {
      await shake(socket, over.signal);
      open.add(socket);
    } catch {
      // It counts as not opened.
      socket.destroy();
    } finally {
      clearTimeout(timer);
    }
  }
}

async function shake(socket: Socket, signal: AbortSignal): Promise<void> {
  await once(socket, "connect", { signal });
  if (socksTarget === undefined) return;
  socket.write(Buffer.from([5, 1, 0]));
  await once(socket, "data", { signal });
  socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, socksTarget >> 8, socksTarget & 255]));
  const [reply] = (await once(socket, "data", { signal })) as [Buffer];
  if (reply[1] !== 0) throw new Error(`reply ${reply[1]}`);
}

await Promise.all(Array.from({ length: AT_ONCE }, lane));
process.stdout.write(`${open.size}\n`);
