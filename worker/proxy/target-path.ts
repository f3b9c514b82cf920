// The path that an upstream is asked for.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { type PathRewrite, targetPath } from "../../shared/http/path-prefix.ts";
import type { RequestUrl } from "../../shared/http/request-url.ts";
import { leadsOut } from "../../shared/net/path-readings.ts";
import type { Gate } from "./call.ts";

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

/** The query as it is sent on: an empty one has its question mark all the same, which URL.search leaves out. */
export function queryOf(url: Pick<RequestUrl, "search" | "href">): string {
  return url.search || (url.href.endsWith("?") ? "?" : "");
}

function unchanged(pathname: string): string {
  return pathname;
}

/**
 * Refuses paths that lead out of what the host is meant to show, where its upstreams have a path of their own or one is
 * added: to nginx "/base/..%2Fother" is "/other".
 */
export function pathBounds(config: HostConfig): Gate | undefined {
  const hasBase = config.upstreams.some((upstream) => {
    const { pathname } = new URL(typeof upstream === "string" ? upstream : upstream.url);
    return pathname !== "/";
  });
  if (!hasBase && config.rewrite.add_prefix === "") return undefined;
  const rewrite = { strip: config.rewrite.strip_prefix, add: "" };
  return ({ x }) => {
    if (leadsOut(targetPath(x.url.pathname, rewrite))) throw new CausewayError("bad_request");
    return undefined;
  };
}
