// Rates of requests: per client address and isolate, and per host, by scope in this isolate or world-wide. Both tell how
// much is left in RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), refused or not.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { ACCESS_LIMITS } from "../../shared/limits.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { ClientTable, type RateLimit, type RateVerdict, RateWindow } from "../../shared/net/rate-window.ts";
import type { Call, Gate } from "../proxy/call.ts";
import { leasedRate } from "./leased-rate.ts";
import { serviceOf } from "./service.ts";

/** Windows outlive a push: they are kept by what they limit. */
const clients = new ClientTable<RateWindow>(ACCESS_LIMITS.RATE_CLIENTS_MAX);
const hosts = new ClientTable<RateWindow>(ACCESS_LIMITS.HOSTS_MAX);

/** A limit with its name and key. */
interface Policy {
  readonly name: "client" | "host";
  readonly limit: RateLimit;
  readonly policy: string;
  /** What its windows are kept by, before the client's network. */
  readonly key: string;
}

/** Refuses who asks too often. The client's own rate is asked first, so that one client cannot use up the host's. */
export function rateRules(config: HostConfig): Gate | undefined {
  const own = config.rate && policyOf("client", config.rate, config);
  const all = config.host_rate && policyOf("host", config.host_rate, config);
  if (!own && !all) return undefined;
  const policies = [own, all].flatMap((policy) => (policy ? [policy.policy] : [])).join(", ");
  const leased = all && config.scope === "global" ? leasedRate(serviceOf(config), all.limit) : undefined;
  return (call) => {
    const now = call.x.startedAt;
    let left = "";
    if (own) {
      const window = windowOf(clients, own.key + clientNetwork(call.clientIp));
      left = settle(own, window.take(own.limit, now), policies, left);
    }
    if (!all) return tell(call, policies, left);
    const verdict = leased ? leased.take(call, now) : windowOf(hosts, all.key).take(all.limit, now);
    if (!(verdict instanceof Promise)) return tell(call, policies, settle(all, verdict, policies, left));
    return verdict.then((known) => tell(call, policies, settle(all, known, policies, left)));
  };
}

function policyOf(name: Policy["name"], limit: RateLimit, config: HostConfig): Policy {
  const seconds = limit.windowMs / 1_000;
  // w is an integer by the draft; windows are whole seconds or, for odd ones such as "1500ms", rounded up.
  const policy = `"${name}";q=${limit.count};w=${Math.ceil(seconds)}`;
  return { name, limit, policy, key: `${serviceOf(config)} ${limit.count}/${limit.windowMs} ` };
}

function windowOf(table: ClientTable<RateWindow>, key: string): RateWindow {
  const known = table.get(key);
  if (known) return known;
  const window = new RateWindow();
  table.set(key, window);
  return window;
}

/** What is left, by this policy and those `before` it; refuses when that is nothing. */
function settle({ name }: Policy, verdict: RateVerdict, policies: string, before: string): string {
  const seconds = Math.max(1, Math.ceil(verdict.waitMs / 1_000));
  const left = `${before && `${before}, `}"${name}";r=${verdict.remaining};t=${seconds}`;
  if (verdict.admitted) return left;
  const fields = { "Retry-After": String(seconds), "RateLimit-Policy": policies, RateLimit: left };
  throw new CausewayError("rate_limited", undefined, { fields });
}

function tell(call: Call, policies: string, left: string): undefined {
  call.replyFields ??= [];
  call.replyFields.push(["ratelimit-policy", policies], ["ratelimit", left]);
  return undefined;
}
