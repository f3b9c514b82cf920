// Host names as routing compares them: lower case, no port, no trailing dot, IDN as punycode. Pure: resolves nothing.

const PLAIN_HOST = /^[a-z0-9._-]*[a-z0-9_-]$/;

/**
 * The canonical spelling of a Host header, of `URL.hostname` or of a configured name. A name that no URL can carry comes
 * back lower-cased, so it simply matches nothing. The usual spelling costs one test and no allocation.
 */
export function canonicalHost(host: string): string {
  if (PLAIN_HOST.test(host)) return host;
  const bare = host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  const url = `http://${bare}/`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, "") : bare;
}
