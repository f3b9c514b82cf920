// How a request came to the edge, where the operator trusts proxies in front of it, and the address that the client used.

import type { HostConfig } from "../../shared/config/schema.ts";
import { type Arrival, readArrival } from "../../shared/http/forwarded.ts";
import { CidrSet } from "../../shared/net/cidr-set.ts";
import type { Exchange } from "../exchange.ts";
import type { Call } from "./call.ts";

/**
 * Reads what trusted proxies tell; undefined where a host trusts none. The reader gives undefined for a request that came
 * from anybody else: nothing that it says about itself counts.
 */
export function arrivalReader(config: HostConfig): ((x: Exchange) => Arrival | undefined) | undefined {
  if (config.trusted_proxies.length === 0) return undefined;
  const trusted = new CidrSet(config.trusted_proxies);
  function isTrusted(address: string): boolean {
    return trusted.has(address);
  }
  return (x) => {
    if (!isTrusted(x.clientIp)) return undefined;
    const seen = { peer: x.clientIp, scheme: seenScheme(x), host: x.url.host };
    return readArrival(x.request.headers, seen, isTrusted);
  };
}

function seenScheme(x: Exchange): "http" | "https" {
  return x.url.protocol === "https:" ? "https" : "http";
}

/** How the client asked: behind trusted proxies as they tell. */
export function schemeOf({ x, arrival }: Pick<Call, "x" | "arrival">): "http" | "https" {
  return arrival ? arrival.scheme : seenScheme(x);
}

/** The host, with its port, that the client asked for. */
export function hostOf({ x, arrival }: Pick<Call, "x" | "arrival">): string {
  return arrival ? arrival.host : x.url.host;
}

/** Scheme, host and port as the client knows them. */
export function originOf({ x, arrival }: Pick<Call, "x" | "arrival">): string {
  return arrival ? `${arrival.scheme}://${arrival.host}` : x.url.origin;
}
