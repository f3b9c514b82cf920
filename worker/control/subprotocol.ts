// WebSocket subprotocols as a carrier of tokens: browsers cannot set headers on a WebSocket. The client offers
// `causeway.v1` and `bearer.<base64url of the token>`; only the first is ever echoed, so the token comes back in no answer.

import { decodeBase64Url } from "../../shared/config/secrets.ts";
import { offersSubprotocol, switchingProtocols } from "../stats/socket.ts";

const TOKEN_PREFIX = "bearer.";

/** The token among the offered subprotocols; "" for one that cannot be read; undefined when none is offered. */
export function subprotocolToken(request: Request): string | undefined {
  const names = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const carrier = names.find((name) => name.startsWith(TOKEN_PREFIX));
  if (carrier === undefined) return undefined;
  const bytes = offersSubprotocol(request) && decodeBase64Url(carrier.slice(TOKEN_PREFIX.length));
  return bytes ? new TextDecoder().decode(bytes) : "";
}

/** The answer to an authorised upgrade, made from the object's: its socket, our headers. */
export function upgradeResponse(request: Request, socket: WebSocket, requestId: string): Response {
  const response = switchingProtocols(request, socket);
  response.headers.set("X-Request-Id", requestId);
  return response;
}
