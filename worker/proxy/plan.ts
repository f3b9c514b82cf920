// What a configured host comes down to per request, worked out once per configuration and isolate.

import type { HostConfig } from "../../shared/config/schema.ts";
import { placesOf } from "../access/places.ts";
import { serviceOf, setTerms } from "../access/service.ts";
import { arrivalReader } from "./arrival.ts";
import { cachePlanOf } from "./cache/key.ts";
import type { HostPlan } from "./call.ts";
import { gatesOf } from "./gates.ts";
import { Pool } from "./pool.ts";
import { replyStepsOf } from "./reply-head.ts";
import { guardedFieldsOf, requestStepsOf } from "./request-head.ts";
import { RetryBudget } from "./retry-budget.ts";
import { socketPlacesOf } from "./socket-places.ts";
import { pathRewriteOf, targetPathOf } from "./target-path.ts";

const plans = new WeakMap<HostConfig, HostPlan>();

/** The plan of a host of the configuration of that epoch. A pushed configuration brings new host records, and so new plans; open sockets keep theirs. */
export function planOf(config: HostConfig, epoch: number): HostPlan {
  const known = plans.get(config);
  if (known) return known;
  const service = serviceOf(config);
  setTerms(config, epoch);
  const pool = new Pool(config, service);
  const plan: HostPlan = {
    config,
    service,
    arrival: arrivalReader(config),
    gates: gatesOf(config),
    targetPath: targetPathOf(config),
    rewrite: pathRewriteOf(config),
    guardedFields: guardedFieldsOf(config),
    requestSteps: requestStepsOf(config),
    replySteps: replyStepsOf(config),
    ownsCors: config.cors !== undefined,
    upstreams: pool.upstreams,
    pool,
    relay: config.via === "direct" ? undefined : config.via.slice("relay:".length),
    retryBudget: config.retries > 0 ? new RetryBudget(config.retry_budget) : undefined,
    sockets: socketPlacesOf(config),
    cache: cachePlanOf(config),
    places: placesOf(config),
  };
  plans.set(config, plan);
  return plan;
}
