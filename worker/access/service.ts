// The name under which a host is counted, and its terms by that name: what the stats object is told with the counts.

import type { HostConfig } from "../../shared/config/schema.ts";
import type { FlowKind } from "../../shared/flow/flow.ts";
import { hasTerms, type ServiceTerms } from "../../shared/flow/quota.ts";
import { ACCESS_LIMITS, FLOW_LIMITS } from "../../shared/limits.ts";
import { shortName } from "../../shared/net/hash.ts";

const terms = new Map<string, ServiceTerms>();

/** The host with its path unless that is everything; a name too long for batches ends in a hash, so that none collide. */
export function serviceOf({ host, path }: Pick<HostConfig, "host" | "path">): string {
  const name = path === "/*" ? host : host + path;
  const max = FLOW_LIMITS.TEXT_CHARS_MAX;
  if (name.length <= max) return name;
  const hash = shortName(name);
  return `${name.slice(0, max - hash.length - 1)}~${hash}`;
}

/** Takes over the terms of a host, also that it has none any more. To be called once per configuration, with its epoch. */
export function setTerms({ host, path, quota, expires }: HostConfig, epoch: number): void {
  const service = serviceOf({ host, path });
  // A request that began under the configuration before.
  if ((terms.get(service)?.epoch ?? 0) > epoch) return;
  terms.delete(service);
  terms.set(service, {
    epoch,
    ...(quota && { quota: { limit: quota.bytes, period: quota.period } }),
    ...(expires !== undefined && { expires_at: expires }),
  });
  if (terms.size <= ACCESS_LIMITS.HOSTS_MAX) return;
  const [oldest] = terms.keys();
  if (oldest !== undefined) terms.delete(oldest);
}

/** The terms of a service of an edge, by the configuration that this isolate used last. */
export function termsOf(service: string, kind: FlowKind): ServiceTerms | undefined {
  return hasTerms(kind) ? terms.get(service) : undefined;
}
