// Turns the Location of an upstream back to the public host, so that a redirect does not lead around the proxy. Pure.

import { type PathRewrite, publicPath } from "./path-prefix.ts";

/** An upstream's base URL taken apart. */
export interface UpstreamBase {
  /** Scheme, host and port, without a final slash. */
  readonly origin: string;
  /** Path that is put before the request's, without a final slash: "" or "/base". */
  readonly path: string;
}

export interface PublicSite {
  /** Scheme, host and port as the client sees them. */
  readonly origin: string;
  /** What was done to the request's path. */
  readonly rewrite: PathRewrite;
}

/**
 * The Location to send to the client. References relative to the request's path and other sites stay byte for byte; an
 * upstream's own address becomes the public one; what was put before the request's path is taken off, and what was taken
 * off is put back.
 */
export function publicLocation(
  location: string,
  upstream: UpstreamBase,
  all: readonly UpstreamBase[],
  site: PublicSite,
): string {
  // URL parsers pass over tabs: "/\t/evil.test" leads to that site.
  const text = location.replaceAll("\t", "");
  if (/^\/(?![/\\])/.test(text)) {
    const path = toPublic(text, upstream, site);
    if (path === text) return location;
    // What is left of "/base//evil.test" would lead to that site, were it not made absolute.
    return /^\/[/\\]/.test(path) ? site.origin + path : path;
  }
  const url = /^(?:https?:|[/\\]{2})/i.test(text) ? URL.parse(text, upstream.origin) : null;
  const target = url && all.find((base) => base.origin === url.origin);
  if (!target || url.username !== "" || url.password !== "") return location;
  return site.origin + toPublic(url.pathname + url.search + url.hash, target, site);
}

/** A path outside of the upstream's own part stays: it has no public address. */
function toPublic(path: string, upstream: UpstreamBase, { rewrite }: PublicSite): string {
  return publicPath(path, upstream.path + rewrite.add, rewrite) ?? path;
}
