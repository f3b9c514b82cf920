// A quota over the violent death of its relay: the process is killed in the middle of a transfer and started again.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { hashPassword } from "../../../relay/password.ts";
import { namedPort } from "../../support/named-port.ts";
import { RawClient, socksRequest, startTarget } from "../harness.ts";

const ROOT = join(import.meta.dirname, "../../..");
const MB = 1_000_000;
const QUOTA = 20 * MB;
/** A hundredth of the quota: the largest lease. */
const LEASE = QUOTA / 100;
/** What both sockets of a download may hold at most when the relay dies: paid for and on its way. */
const ON_ITS_WAY = 6 * MB;

async function startProcess(config: string): Promise<ChildProcess> {
  const args = [join(ROOT, "relay/main.ts"), "relay", "--config", config, "--log-level", "warn"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout ?? child, "data");
  return child;
}

/** Downloads as alice until the connection ends, and says once that `enough` bytes have come; resolves to how many came. */
async function download(port: number, target: number, enough: number, onEnough: () => void): Promise<number> {
  const client = await RawClient.open(port);
  client.send([5, 1, 2]);
  await client.take(2);
  client.send(Buffer.from("\x01\x05alice\x06secret", "latin1"));
  await client.take(2);
  client.send(socksRequest("127.0.0.1", target));
  if ((await client.take(10))[1] !== 0) return 0;
  let came = 0;
  await new Promise<void>((resolve) => {
    client.socket.removeAllListeners("data");
    client.socket.on("data", (chunk: Buffer) => {
      if (came < enough && came + chunk.length >= enough) onEnough();
      came += chunk.length;
    });
    // A killed process may end its connections in order.
    client.socket.once("end", () => client.socket.destroy());
    client.socket.once("close", () => resolve());
  });
  return came;
}

it("counts every byte that a killed relay has moved, and at most one lease too much", async () => {
  const state = await mkdtemp(join(tmpdir(), "causeway-killed-"));
  const port = await namedPort();
  const config = join(state, "causeway.toml");
  const lines = [
    "[relay]",
    `state = ${JSON.stringify(join(state, "state"))}`,
    "[[relay.users]]",
    'name = "alice"',
    `password = "${await hashPassword("secret")}"`,
    'quota = "20MB"',
    'rate = "10MB/s"',
    "[[relay.inbounds]]",
    'kind = "socks"',
    `listen = "127.0.0.1:${port}"`,
    'auth = "password"',
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  const block = Buffer.alloc(65_536);
  const target = await startTarget((socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", send);
    send();
  });

  const first = await startProcess(config);
  const moved = await download(port, target, 6 * MB, () => void first.kill("SIGKILL"));
  expect(moved).toBeGreaterThanOrEqual(6 * MB);
  await startProcess(config);
  const rest = await download(port, target, 1, () => undefined);
  expect(moved + rest).toBeLessThanOrEqual(QUOTA);
  expect(moved + rest).toBeGreaterThan(QUOTA - LEASE - ON_ITS_WAY);
  expect(await download(port, target, 1, () => undefined)).toBe(0);
}, 30_000);
