// Countries that a host lets in or turns away.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { clientCountry } from "../client-address.ts";
import type { Call, Gate } from "../proxy/call.ts";

/** An unknown country is in no list: `allow_countries` turns it away, `deny_countries` does not. */
export function countryRules({ allow_countries: allow, deny_countries: deny }: HostConfig): Gate | undefined {
  if (allow.length + deny.length === 0) return undefined;
  const denied = new Set(deny);
  const allowed = allow.length > 0 ? new Set(allow) : undefined;
  return (call) => {
    const country = countryOf(call);
    if (denied.has(country) || allowed?.has(country) === false) throw new CausewayError("country_denied");
    return undefined;
  };
}

/**
 * The country of a call's client, "" where it is unknown. What is known is the country of whoever connected: of a client
 * behind a trusted proxy it is not.
 */
export function countryOf({ x, clientIp }: Pick<Call, "x" | "clientIp">): string {
  return clientIp === x.clientIp ? clientCountry(x.request, x.env) : "";
}
