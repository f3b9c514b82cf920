// A host's pool outside any request: the parts of a call that choosing an upstream looks at.

import { parseConfig } from "../../../shared/config/parse.ts";
import type { HostConfig } from "../../../shared/config/schema.ts";
import { LiveState, NOTHING_LIVE, withDown } from "../../../worker/directory/live.ts";
import type { Call } from "../../../worker/proxy/call.ts";

export function hostConfig(raw: Record<string, unknown>): HostConfig {
  const relays = [{ name: "main", token: "x".repeat(16), url: "https://relay.test", key: "k".repeat(16) }];
  const parsed = parseConfig({ relays, hosts: [{ host: "pool.test", ...raw }] });
  const host = parsed.ok ? parsed.config.hosts[0] : undefined;
  if (host) return host;
  throw new Error(`The test's host is wrong: ${JSON.stringify(parsed)}`);
}

export interface CallInit {
  readonly clientIp?: string;
  readonly cookie?: string;
  /** Ids of checks that find their upstream down. */
  readonly down?: readonly string[];
}

export function poolCall({ clientIp = "192.0.2.1", cookie, down = [] }: CallInit = {}): Call {
  const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
  const live = new LiveState(withDown(NOTHING_LIVE, down, 1));
  const x = { request: new Request("http://pool.test/", { headers }), config: { live } };
  return { x, clientIp } as unknown as Call;
}
