// A routed call for tests of header fields: a host's configuration, a request, and no product around them.

import { parseConfig } from "../../../shared/config/parse.ts";
import { formatProblem } from "../../../shared/config/problem.ts";
import type { Call, Upstream } from "../../../worker/proxy/call.ts";
import { planOf } from "../../../worker/proxy/plan.ts";

const UPSTREAM = "http://10.9.9.9:3000/base";

export interface Asked {
  /** Keys of the host besides host and upstreams. */
  readonly host?: Readonly<Record<string, unknown>>;
  readonly url?: string;
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly user?: string;
  /** Whether its host keeps an access log. */
  readonly isLogged?: boolean;
}

/** The call, and the upstream that its host has. */
export function callFor({
  host,
  url = "http://app.test:8080/a?b",
  method = "GET",
  headers,
  user = "",
  isLogged = false,
}: Asked): {
  call: Call;
  upstream: Upstream;
} {
  const parsed = parseConfig({ hosts: [{ host: "app.test", upstreams: [UPSTREAM], ...host }] });
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("; "));
  const [config] = parsed.config.hosts;
  if (!config) throw new Error("The host is missing");
  const plan = planOf(config, 1);
  const request = new Request(url, { method, ...(headers && { headers }) });
  const x = {
    request,
    url: new URL(url),
    env: { FRONT_SECRET: "" },
    requestId: "the-id",
    clientIp: "192.0.2.7",
  } as unknown as Call["x"];
  const arrival = plan.arrival?.(x);
  const clientIp = arrival?.clientIp ?? x.clientIp;
  const call = {
    x,
    plan,
    kind: "http",
    clientIp,
    arrival,
    user,
    log: isLogged ? {} : undefined,
    replyFields: undefined,
  } as unknown as Call;
  const [upstream] = plan.upstreams;
  if (!upstream) throw new Error("The host has no upstream");
  return { call, upstream };
}
