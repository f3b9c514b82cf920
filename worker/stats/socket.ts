// What every hibernating WebSocket of the control plane needs: the answer to its upgrade and the answer to its close.

import { LINK_SUBPROTOCOL } from "../../shared/flow/link.ts";
import { relayedClose } from "../../shared/net/close-code.ts";

/** Whether the client offered Causeway's subprotocol: only then may the answer name it (RFC 6455 section 4.2.2). */
export function offersSubprotocol(request: Request): boolean {
  const offered = request.headers.get("Sec-WebSocket-Protocol") ?? "";
  return offered.split(",").some((name) => name.trim() === LINK_SUBPROTOCOL);
}

/** The answer to an accepted upgrade; echoes the subprotocol, never the bearer beside it. */
export function switchingProtocols(request: Request, client: WebSocket): Response {
  const headers = new Headers();
  if (offersSubprotocol(request)) headers.set("Sec-WebSocket-Protocol", LINK_SUBPROTOCOL);
  return new Response(null, { status: 101, webSocket: client, headers });
}

/** Answers the peer's close with its own code (RFC 6455 section 5.5.1); unanswered, the peer would report 1006. */
export function answerClose(socket: WebSocket, code: number, reason: string): void {
  const close = relayedClose(code, reason, "client");
  if (close.code === undefined) socket.close();
  else socket.close(close.code, close.reason);
}
