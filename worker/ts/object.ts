// The object that fans a transport stream out to its viewers: about a hundred of them, and some further objects. It holds
// nothing durable; what it is to stream, and from where, the call and the configuration say.

import { DurableObject } from "cloudflare:workers";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { TS_LIMITS } from "../../shared/limits.ts";
import type { Env } from "../env.ts";
import { Broadcast } from "./broadcast.ts";
import { type Join, joinedReply, readJoin, refusedReply } from "./join.ts";

export class TsChannel extends DurableObject<Env> {
  #broadcast: Broadcast | undefined;
  /** What the channel failed of last: players that try again at once must not each ask the origin. */
  #failure: { readonly code: ErrorCode; readonly at: number } | undefined;

  override async fetch(request: Request): Promise<Response> {
    const join = readJoin(request.url);
    if (!join) return new Response(null, { status: 204 });
    try {
      if (request.signal.aborted) return refusedReply("connection_closed");
      const broadcast = this.#broadcastFor(join);
      if (broadcast.isFull(join.role)) return refusedReply("channel_full");
      const { body, isShared } = await broadcast.join(join.role, request.signal);
      return joinedReply(body, isShared);
    } catch (error) {
      if (error instanceof CausewayError) return refusedReply(error.code);
      throw error;
    }
  }

  #broadcastFor({ channel, shard }: Join): Broadcast {
    if (this.#broadcast) return this.#broadcast;
    const { code, at } = this.#failure ?? { code: "internal", at: 0 };
    if (Date.now() - at < TS_LIMITS.FAILURE_REMEMBERED_MS) throw new CausewayError(code);
    const { env, ctx } = this;
    const broadcast = new Broadcast({ env, ctx, channel, shard }, (failure) => {
      this.#failure = failure && { code: failure, at: Date.now() };
      this.#broadcast = undefined;
    });
    this.#broadcast = broadcast;
    return broadcast;
  }
}
