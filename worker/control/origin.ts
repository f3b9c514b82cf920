// The Origin check: which site made a browser send this request. It guards what a browser would do with the visitor's
// cookie on behalf of another page, WebSockets above all, to which the same-origin policy does not apply.

import { CausewayError } from "../../shared/errors.ts";
import type { RequestUrl } from "../../shared/http/request-url.ts";
import type { ControlExchange } from "./exchange.ts";

/**
 * Refuses a request that another site's page made. Programs send no Origin and pass, unless `required`: what the cookie
 * alone authorises must come from the page, and browsers always name themselves on WebSockets and on unsafe methods.
 * @throws CausewayError `origin_refused`
 */
export function checkOrigin(x: Pick<ControlExchange, "request" | "url">, required = false): void {
  const origin = x.request.headers.get("origin");
  if (origin === null ? required : !isOwnOrigin(origin, x.url)) throw new CausewayError("origin_refused");
}

function isOwnOrigin(origin: string, url: RequestUrl): boolean {
  const parsed = URL.parse(origin);
  // Where a front ends TLS the Worker sees http: while the page is https:, so only the other way round is refused.
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== url.protocol)) return false;
  return parsed.host.replace(/\.(?=:|$)/, "") === url.host;
}
