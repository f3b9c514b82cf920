// What a Worker and the objects of a channel say to each other: who wants to join which object, and what came of it. It
// travels in a URL and in header fields of calls inside the Worker; no client's request is ever passed on to an object.

import { CausewayError, ERRORS, type ErrorCode } from "../../shared/errors.ts";
import { parentOf, shardName } from "../../shared/ts/shards.ts";
import type { Env } from "../env.ts";

/** viewer: gets the stream; probe: only whether there is one; object: passes the stream on to viewers of its own. */
export type JoinRole = "viewer" | "probe" | "object";

export interface Join {
  readonly channel: string;
  readonly shard: number;
  readonly role: JoinRole;
}

const BASE = "http://ts.invalid/";
const CODE_FIELD = "x-code";
const SHARED_FIELD = "x-shared";

export type JoinReply =
  /** `body` is null for probes. `isShared`: the stream was running already. */
  | { readonly type: "joined"; readonly body: ReadableStream<Uint8Array> | null; readonly isShared: boolean }
  /** No room: another object is to be asked. */
  | { readonly type: "full" };

/**
 * Joins an object of a channel.
 * @throws CausewayError what keeps the channel from playing, by its code; `object_unreachable`
 */
export async function callJoin(env: Pick<Env, "TS_CHANNEL">, join: Join): Promise<JoinReply> {
  const { channel, shard, role } = join;
  const url = new URL(BASE);
  for (const [name, value] of Object.entries({ channel, shard: String(shard), role }))
    url.searchParams.set(name, value);
  const reply = await env.TS_CHANNEL.getByName(shardName(channel, shard))
    .fetch(url.href)
    .catch((cause) => {
      throw new CausewayError("object_unreachable", undefined, { cause });
    });
  const isShared = reply.headers.has(SHARED_FIELD);
  if (reply.status === 200 && role !== "probe") return { type: "joined", body: reply.body, isShared };
  await reply.body?.cancel();
  if (reply.status === 200) return { type: "joined", body: null, isShared };
  const code = reply.headers.get(CODE_FIELD) ?? "";
  if (code === "channel_full") return { type: "full" };
  throw new CausewayError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "internal");
}

/** Keeps an object's time for computing from running out while nobody else calls it. */
export async function callRefresh(
  env: Pick<Env, "TS_CHANNEL">,
  channel: string,
  shard: number,
): Promise<void> {
  await env.TS_CHANNEL.getByName(shardName(channel, shard)).fetch(BASE);
}

/** What a call asks of the object; undefined for `callRefresh`. */
export function readJoin(url: string): Join | undefined {
  const { searchParams } = new URL(url);
  const channel = searchParams.get("channel");
  if (channel === null) return undefined;
  const role = searchParams.get("role") as JoinRole;
  return { channel, shard: Number(searchParams.get("shard")), role };
}

export function joinedReply(body: ReadableStream<Uint8Array> | null, isShared: boolean): Response {
  return new Response(body, { headers: isShared ? { [SHARED_FIELD]: "1" } : {} });
}

export function refusedReply(code: ErrorCode): Response {
  return new Response(null, { status: 503, headers: { [CODE_FIELD]: code } });
}

/** The object above this one in the tree; undefined for the one that pulls from the origin. */
export function parentJoin({ channel, shard }: Pick<Join, "channel" | "shard">): Join | undefined {
  const parent = parentOf(shard);
  return parent === undefined ? undefined : { channel, shard: parent, role: "object" };
}
