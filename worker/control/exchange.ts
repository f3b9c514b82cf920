// One request on a control host: what every route of the control plane needs.

import { type ConfigSnapshot, currentConfig } from "../directory/client.ts";
import type { Exchange } from "../exchange.ts";

/** Like an Exchange, but the configuration is loaded only by the routes that need it: the plane works before any push. */
export type ControlExchange = Omit<Exchange, "config" | "meter">;

/** The configuration, or undefined while there is none (nothing pushed yet, or the directory cannot be asked). */
export async function configIfAny(x: ControlExchange): Promise<ConfigSnapshot | undefined> {
  try {
    return await currentConfig(x.env, x.ctx);
  } catch {
    return undefined;
  }
}
