// What a channel's fetches cost its origin: counted where they are sent, and where their bodies are read. A body carries
// its account with it, so that whoever reads it, wherever, counts it, and nobody has to hand the account along.

import { CausewayError } from "../../shared/errors.ts";
import type { Exchange } from "../exchange.ts";

type Host = Pick<Exchange, "meter" | "env" | "ctx">;
/** Adds bytes that were read. */
export type ByteCount = (bytes: number) => void;

const counts = new WeakMap<ReadableStream, ByteCount>();

/** Runs a fetch of `channel`: its time until the reply's header fields, or the code of its failure, is counted. */
export async function meteredFetch<T extends { readonly response: Response }>(
  host: Host,
  channel: string,
  run: () => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  try {
    const reply = await run();
    host.meter.channel(channel).answer(Date.now() - startedAt);
    const { body } = reply.response;
    if (body) counts.set(body, byteCount(host, channel));
    return reply;
  } catch (error) {
    host.meter.channel(channel).failure(error instanceof CausewayError ? error.code : "internal");
    throw error;
  } finally {
    host.meter.touch(host.env, host.ctx);
  }
}

/** A long body, such as a transport stream, is reported while it goes on. */
function byteCount(host: Host, channel: string): ByteCount {
  return (bytes) => {
    host.meter.channel(channel).originBytes(bytes);
    host.meter.touch(host.env, host.ctx);
  };
}

/** What is read of `to` is what was not read of `from`. */
export function handCountOn(from: ReadableStream, to: ReadableStream): void {
  const count = counts.get(from);
  if (!count) return;
  counts.delete(from);
  counts.set(to, count);
}

/** Where to count what is read of `body`; undefined for one that comes from no origin. */
export function byteCountOf(body: unknown): ByteCount | undefined {
  return body instanceof ReadableStream ? counts.get(body) : undefined;
}
