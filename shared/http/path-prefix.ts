// A path on its way to the upstream and back: a prefix taken off, another one put on, only ever at the border of a
// segment: "/api" is a prefix of "/api" and "/api/x", not of "/apis". Pure.

export interface PathRewrite {
  /** Taken off where a path begins with it; without a final slash, "" for nothing. */
  readonly strip: string;
  /** Put before the rest; without a final slash, "" for nothing. */
  readonly add: string;
}

/** True where `path`, which may have a query or fragment, is `prefix` or lies below it. */
export function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && /^(?:$|[/?#])/.test(path.slice(prefix.length));
}

/** The path that the upstream is asked for. */
export function targetPath(pathname: string, { strip, add }: PathRewrite): string {
  const rest = strip !== "" && isBelow(pathname, strip) ? pathname.slice(strip.length) : pathname;
  return add + rest || "/";
}

/**
 * The public path of what an upstream names `path`, if that lies below `base`, the upstream's own path with `add` behind
 * it; undefined for any other. The path may have a query or fragment.
 */
export function publicPath(path: string, base: string, { strip }: PathRewrite): string | undefined {
  if (!isBelow(path, base)) return undefined;
  const rest = path.slice(base.length);
  return strip === "" && !rest.startsWith("/") ? `/${rest}` : strip + rest;
}
