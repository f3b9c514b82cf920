// What tests of the relays object share: links, as relays open them, and batches.

import type { Batch } from "../../../shared/flow/batch.ts";
import { batchOf, flowRecord, serviceDelta } from "../../shared/flow/batches.ts";
import { openSocket, relaysObject, rootStats, type TestSocket, until } from "../stats/support.ts";

export const INBOUNDS = ["mixed 127.0.0.1:1080"];

export function connect(name: string): Promise<TestSocket> {
  return openSocket(relaysObject(), {
    "X-Causeway-Relay": name,
    "Sec-WebSocket-Protocol": "causeway.v1, bearer.c2VjcmV0",
  });
}

export function say(link: TestSocket, message: unknown): void {
  link.socket.send(JSON.stringify(message));
}

/** A link that has been welcomed. */
export async function greeted(name: string, source = "life-1"): Promise<TestSocket> {
  const link = await connect(name);
  say(link, { type: "hello", name, source, version: "1.2.3", inbounds: INBOUNDS });
  await until(() => link.texts.includes('{"type":"welcome"}'));
  return link;
}

export async function linkState(name: string) {
  return (await rootStats().snapshot()).links.find((link) => link.name === name);
}

export function socksBatch(fields: Partial<Batch> = {}): Batch {
  const service = serviceDelta({ service: "main/mixed", kind: "socks", requests: 1, down: 50, active: 1 });
  return batchOf({
    source: "life-1",
    services: [service],
    active: [flowRecord({ kind: "socks" })],
    ...fields,
  });
}
