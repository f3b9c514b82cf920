// What a configured host comes down to per request, worked out once per configuration and isolate.

import type { HostConfig } from "../../shared/config/schema.ts";
import type { UpstreamBase } from "../../shared/http/location.ts";
import { chooseUpstream } from "../../shared/net/balance.ts";

export interface Upstream extends UpstreamBase {
  readonly index: number;
  /** What a request's path is appended to. */
  readonly base: string;
}

export interface HostPlan {
  readonly config: HostConfig;
  /** Name of the host in stats; with its path unless that is everything. */
  readonly service: string;
  readonly upstreams: readonly Upstream[];
  readonly weights: readonly number[];
  /** Requests and sockets open in this isolate. */
  active: number;
  /** Requests so far: the turn of the policy round_robin. */
  turns: number;
}

const plans = new WeakMap<HostConfig, HostPlan>();

/** The plan of a host. A pushed configuration brings new host records, and so new plans; open sockets keep theirs. */
export function planOf(config: HostConfig): HostPlan {
  const known = plans.get(config);
  if (known) return known;
  const plan: HostPlan = {
    config,
    service: config.path === "/*" ? config.host : config.host + config.path,
    upstreams: config.upstreams.map((upstream, index) =>
      toUpstream(typeof upstream === "string" ? upstream : upstream.url, index),
    ),
    weights: config.upstreams.map((upstream) => (typeof upstream === "string" ? 1 : upstream.weight)),
    active: 0,
    turns: 0,
  };
  plans.set(config, plan);
  return plan;
}

function toUpstream(url: string, index: number): Upstream {
  const { origin, pathname } = new URL(url);
  const path = pathname.replace(/\/+$/, "");
  return { index, origin, path, base: origin + path };
}

/** The upstream for a request by the host's policy; one of `avoid` only if there is no other. */
export function nextUpstream(plan: HostPlan, clientIp: string, avoid: ReadonlySet<number>): Upstream {
  const [only] = plan.upstreams;
  if (only && plan.upstreams.length === 1) return only;
  const index = chooseUpstream({
    policy: plan.config.policy,
    weights: plan.weights,
    avoid,
    random: Math.random(),
    turn: plan.turns++,
    clientIp,
  });
  const chosen = plan.upstreams[index];
  if (!chosen) throw new RangeError(`Cannot choose an upstream of '${plan.service}': it has none`);
  return chosen;
}
