// Channels on a control host, where no channel hosts are configured. What they carry comes from origins that nobody here
// vouches for, yet shares the page's origin, so nothing leaves without the headers that keep it from running.

import { CausewayError } from "../../shared/errors.ts";
import { serveChannels } from "../channel-routes.ts";
import { currentConfig } from "../directory/client.ts";
import { failureResponse } from "../error-response.ts";
import { withCors } from "../hls/reply.ts";
import { isolateMeter } from "../stats/meter.ts";
import type { ControlExchange } from "./exchange.ts";
import { isolated } from "./isolation.ts";

/** Errors are answered the way proxied hosts answer them: players are the clients here, not operators. */
export async function channels(x: ControlExchange): Promise<Response> {
  try {
    const config = await currentConfig(x.env, x.ctx);
    if (!config.channelHosts.empty) throw new CausewayError("not_found");
    return isolated(await serveChannels({ ...x, config, meter: isolateMeter() }));
  } catch (thrown) {
    return withCors(failureResponse(thrown, { request: x.request, requestId: x.requestId }));
  }
}
