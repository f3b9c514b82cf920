// The path that an upstream is asked for.

import type { HostConfig } from "../../shared/config/schema.ts";
import { type PathRewrite, targetPath } from "../../shared/http/path-prefix.ts";

/** What a host does to paths; both parts are "" for nothing. */
export function pathRewriteOf({ rewrite }: HostConfig): PathRewrite {
  return { strip: rewrite.strip_prefix, add: rewrite.add_prefix };
}

/** What a host makes of a request's path before it is put behind the upstream's base. */
export function targetPathOf(config: HostConfig): (pathname: string) => string {
  const rewrite = pathRewriteOf(config);
  if (rewrite.strip === "" && rewrite.add === "") return unchanged;
  return (pathname) => targetPath(pathname, rewrite);
}

function unchanged(pathname: string): string {
  return pathname;
}
