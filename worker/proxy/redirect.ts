// Redirects that a host answers with instead of proxying: to https, or to another address altogether.

import type { HostConfig } from "../../shared/config/schema.ts";
import { schemeOf } from "./arrival.ts";
import type { Call, Gate } from "./call.ts";

/** Answers with the host's redirect; undefined where it has none. */
export function redirectGate(config: HostConfig): Gate | undefined {
  const { https, to, keep_path: keepPath, status } = config.redirect;
  if (to !== undefined) {
    // As URLs are sent: a name in other scripts, or a space, cannot stand in a field.
    const { href } = new URL(to);
    const base = href.replace(/\/+$/, "");
    return (call) => redirect(call, keepPath ? base + pathOf(call) : href, status);
  }
  if (!https) return undefined;
  return (call) => {
    if (schemeOf(call) === "https") return undefined;
    // The name that was routed, not one that a proxy may have handed through; the port is the one of plain HTTP.
    const { hostname, pathname, search } = call.x.url;
    return redirect(call, `https://${hostname}${pathname}${search}`, status);
  };
}

/** Always behind an absolute base: a path that begins with "//" names no other site there. */
function pathOf({ x, plan }: Call): string {
  return plan.targetPath(x.url.pathname) + x.url.search;
}

function redirect({ x }: Call, location: string, status: number): Response {
  return new Response(null, { status, headers: { Location: location, "X-Request-Id": x.requestId } });
}
