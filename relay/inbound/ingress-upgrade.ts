// A WebSocket through the ingress: the handshake goes to the origin as the edge sent it; http-upgrade.ts carries it.

import type { Socket } from "node:net";
import type { ErrorCode } from "../../shared/errors.ts";
import { INGRESS_LIMITS } from "../../shared/limits.ts";
import { passUpgrade, refuse, type Upgrade } from "./http-upgrade.ts";
import { edgeFields, ingressRefusal, originFields } from "./ingress-answer.ts";
import type { IngressRequest } from "./ingress-gate.ts";
import type { OriginPools } from "./origin-pools.ts";
import type { SessionHost } from "./session.ts";

/** Carries one upgrade to its end, or answers why not. Never rejects. */
export async function carryUpgrade(
  host: SessionHost,
  pools: OriginPools,
  { target, wish }: IngressRequest,
  upgrade: Upgrade,
): Promise<void> {
  await passUpgrade(host, wish, upgrade, {
    dial: (signal) => pools.dial(target, wish.user, signal),
    path: target.path,
    requestFields: originFields(upgrade.req.rawHeaders, target),
    protocols: "websocket",
    headBytesMax: INGRESS_LIMITS.HEAD_BYTES,
    replyFields: edgeFields,
    refusal: ingressRefusal,
  });
}

/** Answers on a socket that no parser serves any more with the relay's own refusal, and ends it. */
export function refuseOn(socket: Socket, code: ErrorCode): void {
  refuse(socket, ingressRefusal(code));
}
