// The link of `npm run bench:udpack` that TCP and UDP cross alike, in a process of its own: makes two TUN devices and carries
// IP packets between them. A line on standard input sets the part that is lost, or is "?"; each is answered by what the link
// has seen so far. The end of the input is its end, and that of the devices.

import { readSync, writeSync } from "node:fs";
import { loadTunCalls } from "./tun-calls.ts";
import { type LinkCounts, LinkDirection, type LinkSettings } from "./tun-direction.ts";

export interface TunLinkOrder extends LinkSettings {
  /** Names of the devices. */
  readonly near: string;
  readonly far: string;
}

/** Where there is traffic, it is looked at this often: a wake-up per packet would take the time of the tunnels' ends. */
const TICK_US = 250;
const SEEDS = { up: 1, down: 2 } as const;
const STDIN = 0;
const STDOUT = 1;

const { near, far, ...settings } = JSON.parse(process.argv[2] ?? "{}") as TunLinkOrder;
const calls = await loadTunCalls();
const nearFd = calls.openDevice(near);
const farFd = calls.openDevice(far);
const up = new LinkDirection(settings, SEEDS.up);
const down = new LinkDirection(settings, SEEDS.down);
const toNear = (packet: Uint8Array, length: number) => void calls.write(nearFd, packet, length);
const toFar = (packet: Uint8Array, length: number) => void calls.write(farFd, packet, length);
const input = Buffer.alloc(1_024);
// Links do not wait for the machines at their ends.
calls.hurry();
calls.poll([STDIN, nearFd, farFd]);
answer();
run();

function run(): never {
  let lookedAt = performance.now();
  for (;;) {
    const now = performance.now();
    // What is there came since the last look: while this process was not running, the link was.
    const read = fill(nearFd, up, lookedAt, now) + fill(farFd, down, lookedAt, now);
    up.leave(now, toFar);
    down.leave(now, toNear);
    const isIdle = read === 0 && up.isEmpty && down.isEmpty;
    const isAsked = isIdle ? calls.wait(3, Number.POSITIVE_INFINITY) : calls.wait(1, TICK_US);
    lookedAt = isIdle ? performance.now() : now;
    if (isAsked) obey();
  }
}

/** Takes all packets that wait; how many. */
function fill(fd: number, direction: LinkDirection, since: number, now: number): number {
  for (let count = 0; ; count += 1) {
    const { room } = direction;
    const length = room === undefined ? 0 : calls.read(fd, room);
    if (length <= 0) return count;
    direction.enter(length, since, now);
  }
}

function obey(): void {
  const length = readSync(STDIN, input);
  if (length === 0) process.exit(0);
  const loss = Number(input.toString("latin1", 0, length));
  if (Number.isFinite(loss)) up.loss = loss;
  down.loss = up.loss;
  answer();
}

function answer(): void {
  const counts: LinkCounts = {
    up: up.bytes,
    down: down.bytes,
    lost: up.lost + down.lost + up.refused + down.refused,
    carried: up.carried + down.carried,
  };
  writeSync(STDOUT, `${JSON.stringify(counts)}\n`);
}
