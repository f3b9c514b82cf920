// Who may use the admin API: whoever has the token. Loopback alone proves nothing: any page in a browser on this machine can
// send requests there, under a name of its own that leads to 127.0.0.1 (DNS rebinding), so Host and Origin are checked first.

import { createHash } from "node:crypto";
import { CausewayError } from "../../shared/errors.ts";
import { timingSafeEqual } from "../../shared/net/constant-time.ts";
import { isLoopbackHost } from "../../shared/net/loopback.ts";

/**
 * Lets a request in.
 * @throws CausewayError `host_refused`, `origin_refused`, `unauthorized`
 */
export function admit(request: Request, token: string, port: number): void {
  const host = request.headers.get("host") ?? "";
  if (!isOwnAuthority(host, port)) throw new CausewayError("host_refused");
  const origin = request.headers.get("origin");
  // Programs send none. The API has no page, so no page has any business here; "null" is a page, too.
  if (origin !== null && !isOwnOrigin(origin, port)) throw new CausewayError("origin_refused");
  if (/^(?:cross-site|same-site)$/.test(request.headers.get("sec-fetch-site") ?? ""))
    throw new CausewayError("origin_refused");
  const given = /^bearer +(\S{1,512}) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  // Of equal length whatever was sent, so that the comparison tells nothing.
  if (given === undefined || !timingSafeEqual(digest(given), digest(token)))
    throw new CausewayError("unauthorized");
}

/** A name of this machine's loopback with the API's own port. */
function isOwnAuthority(authority: string, port: number): boolean {
  const parts = /^([^:@/?#[\]\\]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(authority);
  return parts?.[1] !== undefined && isLoopbackHost(parts[1]) && Number(parts[2] ?? 80) === port;
}

function isOwnOrigin(origin: string, port: number): boolean {
  const scheme = "http://";
  return origin.startsWith(scheme) && isOwnAuthority(origin.slice(scheme.length), port);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
