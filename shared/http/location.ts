// Turns the Location of an upstream back to the public host, so that a redirect does not lead around the proxy. Pure.

/** An upstream's base URL taken apart. */
export interface UpstreamBase {
  /** Scheme, host and port, without a final slash. */
  readonly origin: string;
  /** Path that is put before the request's, without a final slash: "" or "/base". */
  readonly path: string;
}

/**
 * The Location to send to the client. References relative to the request's path and other sites stay byte for byte;
 * an upstream's own address becomes `publicOrigin`, and its base path is taken off.
 */
export function publicLocation(
  location: string,
  upstream: UpstreamBase,
  all: readonly UpstreamBase[],
  publicOrigin: string,
): string {
  if (/^\/(?![/\\])/.test(location)) {
    const path = withoutBase(location, upstream.path);
    // What is left of "/base//evil.test" would lead to that site, were it not made absolute.
    return /^\/[/\\]/.test(path) ? publicOrigin + path : path;
  }
  if (!/^(?:https?:|[/\\]{2})/i.test(location) || !URL.canParse(location, upstream.origin)) return location;
  const url = new URL(location, upstream.origin);
  const target = all.find((base) => base.origin === url.origin);
  if (!target || url.username !== "" || url.password !== "") return location;
  return publicOrigin + withoutBase(url.pathname + url.search + url.hash, target.path);
}

/** Takes `base` off a path that is below it; any other path stays. */
function withoutBase(path: string, base: string): string {
  if (base === "" || !path.startsWith(base)) return path;
  const rest = path.slice(base.length);
  if (rest === "" || rest.startsWith("?") || rest.startsWith("#")) return `/${rest}`;
  return rest.startsWith("/") ? rest : path;
}
