// WebSocket echo load on loopback by socket-generator.ts, in a process of its own and bounded in time.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Payload of every message: below 126, so that a frame's head has one form. */
export const ECHO_PAYLOAD_BYTES = 64;

export interface SocketLoad {
  readonly port: number;
  readonly host: string;
  /** Sockets, each with one message under way. */
  readonly connections: number;
  readonly seconds: number;
}

export interface SocketLoadResult {
  readonly roundTripsPerS: number;
}

export async function loadSockets(options: SocketLoad): Promise<SocketLoadResult> {
  const script = join(import.meta.dirname, "socket-generator.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(options)]);
  return JSON.parse(stdout) as SocketLoadResult;
}
