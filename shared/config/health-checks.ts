// The active health checks that a configuration asks for, each once however many hosts share it, and the names by which
// the edge speaks of them. Pure.

import { shortName } from "../net/hash.ts";
import { upstreamBase } from "../net/upstream-base.ts";
import type { HostConfig, HostHealth } from "./host-schema.ts";

export type ActiveHealth = NonNullable<HostHealth["active"]>;

/** One check: an upstream, the way to it, and what to ask it. */
export interface HealthCheck {
  /** 16 hex digits; the same for the same check in any version of the configuration. */
  readonly id: string;
  /** "direct" or "relay:NAME". */
  readonly via: string;
  /** The upstream's base URL without a final slash. */
  readonly base: string;
  readonly active: ActiveHealth;
}

/** The check of one upstream. */
export function checkOf(via: string, base: string, active: ActiveHealth): HealthCheck {
  const { path, interval, timeout, status, body, fails, passes } = active;
  const id = shortName(JSON.stringify([via, base, path, interval, timeout, status, body, fails, passes]));
  return { id, via, base, active };
}

/** All checks of a configuration; hosts that are switched off or only redirect ask for none. */
export function checksOf(hosts: readonly HostConfig[]): HealthCheck[] {
  const checks = new Map<string, HealthCheck>();
  for (const { enabled, redirect, upstreams, via, health } of hosts) {
    if (health.active === undefined || !enabled || redirect.to !== undefined) continue;
    for (const upstream of upstreams) {
      const { origin, path } = upstreamBase(typeof upstream === "string" ? upstream : upstream.url);
      const check = checkOf(via, origin + path, health.active);
      checks.set(check.id, check);
    }
  }
  return [...checks.values()];
}
