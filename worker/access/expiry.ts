// The day from which on a host is over.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Gate } from "../proxy/call.ts";

/** Judged by the time when the request came in; transfers that are open at midnight end as they would have. */
export function expiry({ expires }: HostConfig): Gate | undefined {
  if (expires === undefined) return undefined;
  return ({ x }) => {
    if (x.startedAt >= expires) throw new CausewayError("host_expired");
    return undefined;
  };
}
