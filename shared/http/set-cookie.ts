// Turns an upstream's own host and path in a Set-Cookie field back to the public ones (RFC 6265 §4.1). Every other byte
// stays. Pure.

import { isBelow, type PathRewrite, publicPath } from "./path-prefix.ts";

export interface CookieSite {
  /** Host of the upstream that answered, without a port. */
  readonly upstreamHost: string;
  /** The upstream's own path with what is put before requests' paths behind it. */
  readonly base: string;
  /** The public host, without a port. */
  readonly publicHost: string;
  readonly rewrite: PathRewrite;
}

/** The field's value for the client. */
export function publicCookie(value: string, site: CookieSite): string {
  const [pair = "", ...attributes] = value.split(";");
  return [pair, ...attributes.map((attribute) => publicAttribute(attribute, site))].join(";");
}

function publicAttribute(attribute: string, site: CookieSite): string {
  const name = /^\s*(?:domain|path)\s*=\s*/i.exec(attribute)?.[0];
  if (name === undefined) return attribute;
  const value = attribute.slice(name.length).trimEnd();
  if (/domain/i.test(name))
    return isUpstreamHost(value, site.upstreamHost) ? name + site.publicHost : attribute;
  const path = publicCookiePath(value, site);
  return path === undefined ? attribute : name + path;
}

/** RFC 6265 §5.2.3: a leading dot means nothing. */
function isUpstreamHost(domain: string, upstreamHost: string): boolean {
  return domain.replace(/^\./, "").toLowerCase() === upstreamHost;
}

/** A cookie for all of the upstream's site, or more of it than is public, is one for all that is public of it. */
function publicCookiePath(path: string, { base, rewrite }: CookieSite): string | undefined {
  const bare = path.replace(/\/$/, "");
  // RFC 6265 §5.2.4: anything else stands for the path of the request, which is the public one already.
  if (!path.startsWith("/")) return undefined;
  if (bare === base || isBelow(base, bare)) return rewrite.strip || "/";
  return publicPath(path, base, rewrite);
}
