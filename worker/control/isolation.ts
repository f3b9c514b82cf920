// A second pair of eyes on what comes from an origin and shares the page's origin. worker/hls builds its answers safe;
// this makes sure that a way through it that forgets a header does not let a script or a cookie onto the dashboard.

const UNSAFE_HEADERS = ["set-cookie", "refresh", "clear-site-data", "service-worker-allowed"] as const;

/** A header that worker/hls forgot is put right; headers that cannot be changed break the answer rather than the rule. */
export function isolated(response: Response): Response {
  const { headers } = response;
  if (headers.get("x-content-type-options") !== "nosniff") headers.set("X-Content-Type-Options", "nosniff");
  if (!/(?:^|;)\s*sandbox\s*(?:;|$)/.test(headers.get("content-security-policy") ?? ""))
    headers.set("Content-Security-Policy", "default-src 'none'; sandbox");
  for (const name of UNSAFE_HEADERS) if (headers.has(name)) headers.delete(name);
  return response;
}
