// What tests of the stats objects share: the bindings with their types, and WebSockets that remember what came.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { ConnectionEvents, Snapshot, StatsMessage } from "../../../shared/flow/snapshot.ts";
import type { Env } from "../../../worker/env.ts";
import { flowRecord, serviceDelta } from "../../shared/flow/batches.ts";

const bindings = env as unknown as Env;

/** A stats object of a test's own. */
export function statsObject(name: string): ReturnType<Env["STATS"]["getByName"]> {
  return bindings.STATS.getByName(name);
}

/** The stats object that the Worker itself uses. */
export function rootStats(): ReturnType<Env["STATS"]["getByName"]> {
  return statsObject("root");
}

/** The object that holds the relays' links. */
export function relaysObject(): ReturnType<Env["RELAYS"]["getByName"]> {
  return bindings.RELAYS.getByName("root");
}

/** A batch of one service with one open flow. */
export const BUSY = {
  services: [serviceDelta({ requests: 1, up: 5, down: 100, active: 1 })],
  active: [flowRecord()],
};

/** When the object's next alarm is due. */
export function alarmOf(stats: ReturnType<typeof statsObject>): Promise<number | null> {
  return runInDurableObject(stats, (_, state) => state.storage.getAlarm());
}

export interface TestSocket {
  readonly response: Response;
  readonly socket: WebSocket;
  /** Texts that came, in order. */
  readonly texts: string[];
  /** Set when the far side has closed. */
  readonly ended: { code: number; reason: string }[];
}

/** Opens a WebSocket to an object. */
export async function openSocket(
  object: { fetch(request: Request): Promise<Response> },
  headers: Record<string, string> = {},
): Promise<TestSocket> {
  const request = new Request("http://object.test/", { headers: { Upgrade: "websocket", ...headers } });
  const response = await object.fetch(request);
  const socket = response.webSocket;
  if (!socket) throw new Error(`Cannot open a WebSocket: status ${response.status}, expected 101`);
  const opened: TestSocket = { response, socket, texts: [], ended: [] };
  socket.accept();
  socket.addEventListener("message", (event) => opened.texts.push(String(event.data)));
  socket.addEventListener("close", ({ code, reason }) => opened.ended.push({ code, reason }));
  return opened;
}

function messages({ texts }: TestSocket): StatsMessage[] {
  return texts.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text) as StatsMessage);
}

export function snapshots(socket: TestSocket): Snapshot[] {
  return messages(socket).filter((message) => message.type === "snapshot");
}

export function connectionEvents(socket: TestSocket): ConnectionEvents[] {
  return messages(socket).filter((message) => message.type === "connections");
}

/** Waits until `check` returns something other than undefined or false, for at most 5 s. */
export async function until<T>(check: () => T): Promise<Exclude<T, undefined | false>> {
  return await vi.waitFor(
    () => {
      const value = check();
      if (value === undefined || value === false) throw new Error("Cannot go on: it has not happened yet");
      return value as Exclude<T, undefined | false>;
    },
    { timeout: 5_000, interval: 10 },
  );
}
