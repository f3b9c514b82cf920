// The question whether a host has used its quota up.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Call, Gate } from "../proxy/call.ts";
import { quotaWatch } from "./quota-watch.ts";
import { serviceOf } from "./service.ts";

/** Turns away who asks for a host that is over its quota. */
export function quotaRule(config: HostConfig): Gate | undefined {
  if (config.quota === undefined) return undefined;
  const service = serviceOf(config);
  return ({ x }) => {
    if (quotaWatch().isStale(x.startedAt)) return askFirst(x, service);
    refuseOver(service, x.startedAt);
    return undefined;
  };
}

async function askFirst({ env, ctx }: Call["x"], service: string): Promise<undefined> {
  await quotaWatch().ask(env, ctx);
  refuseOver(service, Date.now());
}

function refuseOver(service: string, now: number): void {
  const until = quotaWatch().overUntil(service, now);
  if (until === undefined) return;
  const wait = String(Math.ceil((until - now) / 1_000));
  throw new CausewayError("quota_exceeded", undefined, { fields: { "Retry-After": wait } });
}
