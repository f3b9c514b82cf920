// Client addresses that a host lets in or turns away.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { CidrSet } from "../../shared/net/cidr-set.ts";
import type { Gate } from "../proxy/call.ts";

/** Whatever `allow` says, `deny` turns away; an empty `allow` lets in whom `deny` does not name. */
export function addressRules({ allow, deny }: HostConfig): Gate | undefined {
  if (allow.length + deny.length === 0) return undefined;
  const denied = new CidrSet(deny);
  const allowed = allow.length > 0 ? new CidrSet(allow) : undefined;
  return ({ clientIp }) => {
    if (denied.has(clientIp) || allowed?.has(clientIp) === false) throw new CausewayError("address_denied");
    return undefined;
  };
}
