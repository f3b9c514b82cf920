// What the tests of a relay with threads share: a relay with two of them, its threads as they start, and clients that sign in.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { hashPassword } from "../../../relay/password.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import {
  RawClient,
  type RelayOverrides,
  type RunningRelay,
  socksRequest,
  startRelay,
  startTarget,
} from "../harness.ts";

export const MB = 1_000_000;
export const password = await hashPassword("secret");

export interface ThreadedRelay extends RunningRelay {
  /** In the order in which they started. */
  readonly workers: Worker[];
}

/** A relay with two threads. */
export async function startThreads(overrides: RelayOverrides = {}): Promise<ThreadedRelay> {
  const workers: Worker[] = [];
  const parts = { onThread: (worker: Worker) => void workers.push(worker), ...overrides.parts };
  const running = await startRelay({ ...overrides, config: { workers: 2, ...overrides.config }, parts });
  return { ...running, workers };
}

type UserLimits = Omit<RelayConfig["users"][number], "name" | "password">;

/** A relay with two threads whose user alice has limits. */
export async function startLimited(
  limits: UserLimits,
  config: Partial<RelayConfig> = {},
): Promise<ThreadedRelay & { readonly state: string }> {
  const state = await mkdtemp(join(tmpdir(), "causeway-threads-"));
  const users = [{ name: "alice", password, ...limits }];
  const running = await startThreads({ config: { users, state, ...config }, inbound: { auth: "password" } });
  return { ...running, state };
}

/** Signs alice in and asks for a target; resolves to the reply's code. */
export async function ask(port: number, target: number): Promise<{ client: RawClient; reply: number }> {
  const client = await RawClient.open(port);
  client.send([5, 1, 2]);
  await client.take(2);
  client.send(Buffer.from("\x01\x05alice\x06secret", "latin1"));
  await client.take(2);
  client.send(socksRequest("127.0.0.1", target));
  return { client, reply: (await client.take(10))[1] ?? -1 };
}

/** A target that sends without end. */
export function startFlood(): Promise<number> {
  const block = Buffer.alloc(65_536);
  return startTarget((socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", send);
    send();
  });
}

/** Which thread numbered a flow: 0 and up. */
export function threadOf(id: string, threads = 2): number {
  return (Number(id.slice(id.lastIndexOf("-") + 1)) - 2) % (threads + 1);
}
