// Where an origin may send the edge: nowhere that only the edge can reach, whatever the spelling, and not back to itself.

import { CausewayError } from "../../../shared/errors.ts";
import { classifyHost } from "../../../shared/net/destination.ts";
import { canonicalHost } from "../../../shared/net/host-name.ts";
import { isControlHost } from "../../control-hosts.ts";
import type { ConfigSnapshot } from "../../directory/client.ts";
import type { Env } from "../../env.ts";

/** What is known of the edge's own hosts. */
interface Edge {
  readonly config: Pick<ConfigSnapshot, "routes" | "channelHosts">;
  readonly env: Pick<Env, "CONTROL_HOSTS">;
}

/**
 * Refuses what an origin's playlist or redirect may not name: addresses that are not public, and hosts that this edge
 * serves, which would fetch from it in circles, or with the edge's own address past rules of theirs. What a relay reaches
 * is its rules' business.
 * @throws CausewayError `target_refused`
 */
export function assertOutside(x: Edge, url: URL, relay: string | undefined): void {
  const place = classifyHost(url.hostname);
  const isOutside = relay !== undefined || place === "public" || place === "name";
  if (!isOutside || isOwnHost(x, url)) throw new CausewayError("target_refused");
}

function isOwnHost({ config, env }: Edge, url: URL): boolean {
  const host = canonicalHost(url.hostname);
  return (
    config.routes.covers(host) || config.channelHosts.has(host) || isControlHost(host, env.CONTROL_HOSTS)
  );
}
