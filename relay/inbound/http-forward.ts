// Plain HTTP proxying: requests in absolute form, forwarded to their origins.

import type { IncomingMessage, ServerResponse } from "node:http";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { errorAnswer } from "./http-error.ts";
import { exchange } from "./http-exchange.ts";
import { forwardedFields, lessForwards } from "./http-fields.ts";
import type { ForwardTarget } from "./http-target.ts";
import { OriginPools } from "./origin-pools.ts";
import type { SessionHost, Wish } from "./session.ts";

/** What goes to the origin, without the fields that only one hop is meant for. */
export function requestFieldsFor(raw: readonly string[], { authority }: ForwardTarget): string[] {
  // Expect has been answered by this server: 100 Continue is each hop's own affair (RFC 9110 section 10.1.1).
  return [...forwardedFields(raw, ["host", "expect"]), "Host", authority];
}

/** What of an origin's reply goes to the client. */
export function proxiedReplyFields(raw: readonly string[]): string[] {
  // A challenge of the origin's would be taken for this proxy's.
  return forwardedFields(raw, ["proxy-authenticate"]);
}

export class HttpForwarder {
  readonly #host: SessionHost;
  readonly #pools: OriginPools;

  constructor(host: SessionHost) {
    this.#host = host;
    this.#pools = new OriginPools(host.deps, { headBytesMax: RELAY_LIMITS.HTTP_HEAD_BYTES });
  }

  /** Answers one request, whatever happens. Never rejects. */
  async forward(req: IncomingMessage, res: ServerResponse, to: ForwardTarget, wish: Wish): Promise<void> {
    await exchange(this.#host, req, res, wish, {
      dispatcher: this.#pools.of(wish.user),
      origin: `http://${to.authority}`,
      path: to.path,
      requestFields: requestFieldsFor(lessForwards(req), to),
      replyFields: proxiedReplyFields,
      refusal: errorAnswer,
    });
  }

  close(): Promise<void> {
    return this.#pools.close();
  }
}
