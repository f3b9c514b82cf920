// A host entry that configures every feature of the proxy so that an ordinary request uses none of them: what it costs to
// have them. Nothing is refused, rewritten, retried or cached, and the rules about header fields name fields that do not occur.

/** The raw host entry. `upstream` is put twice, so that choosing, health and retries have something to choose from. */
export function allFeaturesHost(host: string, upstream: string): Record<string, unknown> {
  return {
    host,
    upstreams: [upstream, upstream],
    policy: "round_robin",
    health: { passive: { max_failures: 5, window: "30s", cooldown: "10s", statuses: ["5xx"] } },
    retries: 2,
    retry_budget: 20,
    allow: ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"],
    deny: ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.7"],
    deny_countries: ["XX"],
    rate: "1000000/10s",
    host_rate: "1000000/10s",
    max_connections: 100_000,
    quota: "1000TB/month",
    expires: "2999-12-31",
    headers: {
      request: { remove: ["X-Absent"] },
      response: { remove: ["X-Absent", "X-Also-Absent"] },
    },
    rewrite: { strip_prefix: "/absent" },
    trusted_proxies: ["192.0.2.1/32"],
    rewrite_location: true,
    rewrite_cookies: true,
    cors: { origins: ["https://app.example.com"], credentials: true },
    max_body: "1GiB",
    response_header_timeout: "30s",
    websocket: { max_connections: 50_000, max_per_ip: 50_000 },
  };
}
