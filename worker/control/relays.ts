// GET /relay/connect: a relay's control link. Which relay it is follows from its token, never from what it says.

import { CausewayError } from "../../shared/errors.ts";
import { currentConfig } from "../directory/client.ts";
import { isWebSocketUpgrade } from "../proxy/websocket.ts";
import { bearerToken } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { openSocket, relaysObject } from "./objects.ts";
import { checkOrigin } from "./origin.ts";
import { subprotocolToken, upgradeResponse } from "./subprotocol.ts";
import { relayOf } from "./tokens.ts";

/** @throws CausewayError `upgrade_required`, `origin_refused`, `unauthorized`, `config_unavailable` */
export async function connectRelay(x: ControlExchange): Promise<Response> {
  if (!isWebSocketUpgrade(x.request)) throw new CausewayError("upgrade_required");
  checkOrigin(x);
  const header = x.request.headers.get("authorization");
  const token = header === null ? subprotocolToken(x.request) : bearerToken(header);
  // Without a configuration no token is known: 503 tells the relay to come back, where 401 would mean a wrong token.
  const config = await currentConfig(x.env, x.ctx);
  const name = token === undefined ? undefined : await relayOf(token, config);
  if (name === undefined) throw new CausewayError("unauthorized");
  const socket = await openSocket(relaysObject(x.env), { "X-Causeway-Relay": name });
  return upgradeResponse(x.request, socket, x.requestId);
}
