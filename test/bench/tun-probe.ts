// Measures the link of `npm run bench:udpack` from its ends, so that what the link was told can be compared with what it does:
// "echo HOST PORT" answers on the far side, "ask HOST PORT RATE" on the near side prints round-trip time, loss and rate as JSON.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** First bytes of datagrams: to be sent back; to be counted under the number that follows; to be told what was counted. */
const PING = 1;
const COUNT = 2;
const TELL = 3;
/** IPv4 and UDP around each datagram. */
const HEADER_BYTES = 28;
const PINGS = 25;
const PING_INTERVAL_MS = 20;
const SETTLE_MS = 250;
const LOSS = { run: 1, bytes: 100, packets: 6_000, packetsPerMs: 5 } as const;
/** More than the bottleneck takes, for so long. */
const FLOOD = { run: 2, bytes: 1_400, factor: 1.5, ms: 500 } as const;
const TELL_TRIES = 20;
const BUFFER_BYTES = 4 * 1024 * 1024;

interface Counted {
  readonly packets: number;
  readonly bytes: number;
  /** From the first to the last. */
  readonly ms: number;
}

/** What the link does, seen from its ends. */
export interface LinkProbe {
  readonly rttMs: number;
  readonly sent: number;
  /** Part of them that did not arrive. */
  readonly lost: number;
  readonly bytesPerS: number;
}

const [, , role, host = "", port, rate] = process.argv;
const socket = createSocket("udp4");
if (role === "echo") await echo();
else if (role === "ask") process.stdout.write(JSON.stringify(await ask()));
if (role === "ask") socket.close();

async function echo(): Promise<void> {
  const runs = new Map<number, { packets: number; bytes: number; firstAt: number; lastAt: number }>();
  socket.on("message", (data, { port: from, address }) => {
    const [kind, run = 0] = data;
    if (kind === PING) socket.send(data, from, address);
    const now = performance.now();
    const counted = runs.get(run) ?? { packets: 0, bytes: 0, firstAt: now, lastAt: now };
    if (kind === COUNT) {
      // The time runs from the first packet on, so its bytes do not count.
      if (counted.packets > 0) counted.bytes += data.length + HEADER_BYTES;
      counted.packets += 1;
      counted.lastAt = now;
      runs.set(run, counted);
    } else if (kind === TELL) {
      const { packets, bytes, firstAt, lastAt } = counted;
      socket.send(JSON.stringify({ packets, bytes, ms: lastAt - firstAt } satisfies Counted), from, address);
    }
  });
  socket.bind(Number(port), host);
  await once(socket, "listening");
  socket.setRecvBufferSize(BUFFER_BYTES);
}

async function ask(): Promise<LinkProbe> {
  socket.connect(Number(port), host);
  await once(socket, "connect");
  const rttMs = await roundTrip();
  await send(LOSS.run, LOSS.bytes, LOSS.packetsPerMs, LOSS.packets / LOSS.packetsPerMs);
  await delay(SETTLE_MS);
  const { packets } = await counted(LOSS.run);
  const perMs = (Number(rate) * FLOOD.factor) / 1_000 / FLOOD.bytes;
  await send(FLOOD.run, FLOOD.bytes, perMs, FLOOD.ms);
  await delay(SETTLE_MS);
  const { bytes, ms } = await counted(FLOOD.run);
  return { rttMs, sent: LOSS.packets, lost: 1 - packets / LOSS.packets, bytesPerS: (bytes * 1_000) / ms };
}

/** The median of some round trips. */
async function roundTrip(): Promise<number> {
  const times: number[] = [];
  const sentAt: number[] = [];
  const take = (data: Buffer) => times.push(performance.now() - (sentAt[data[1] ?? 0] ?? Number.NaN));
  socket.on("message", take);
  for (let i = 0; i < PINGS; i++) {
    sentAt.push(performance.now());
    socket.send(Uint8Array.of(PING, i));
    await delay(PING_INTERVAL_MS);
  }
  await delay(SETTLE_MS);
  socket.off("message", take);
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** Sends datagrams evenly, as far as timers let. */
async function send(run: number, bytes: number, packetsPerMs: number, ms: number): Promise<void> {
  const datagram = Buffer.alloc(bytes);
  datagram.set([COUNT, run]);
  const startedAt = performance.now();
  const total = Math.round(packetsPerMs * ms);
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.ceil((performance.now() - startedAt) * packetsPerMs));
    for (; sent < due; sent++) socket.send(datagram);
    await delay(1);
  }
}

async function counted(run: number): Promise<Counted> {
  for (let i = 0; i < TELL_TRIES; i++) {
    const answer = await askOnce(socket, run);
    if (answer) return answer;
  }
  throw new Error("Cannot measure the link: the far side does not answer");
}

async function askOnce(to: Socket, run: number): Promise<Counted | undefined> {
  to.send(Uint8Array.of(TELL, run));
  const signal = AbortSignal.timeout(SETTLE_MS);
  const [data] = await once(to, "message", { signal }).catch(() => []);
  return data === undefined ? undefined : (JSON.parse(String(data)) as Counted);
}
