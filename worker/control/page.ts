// The dashboard's files. They get the strictest policy that the page works with: nothing from elsewhere runs, is loaded,
// is framed or frames it.

import { CausewayError } from "../../shared/errors.ts";
import type { ControlExchange } from "./exchange.ts";

const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** Request headers that the asset store may see: no cookie and no token is its business. */
const ASSET_REQUEST_HEADERS = ["accept", "accept-encoding", "if-none-match"] as const;

/**
 * GET of anything that is no other path of the control plane.
 * @throws CausewayError `not_found`
 */
export async function page(x: ControlExchange): Promise<Response> {
  const headers = new Headers();
  for (const name of ASSET_REQUEST_HEADERS) {
    const value = x.request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const path = x.url.pathname === "/" ? "/index.html" : x.url.pathname;
  // Put together as text: resolved as a reference, "//name/x" would be another host and "//[" no URL at all.
  const asset = await x.env.ASSETS.fetch(`https://assets.internal${path}`, { headers });
  if (asset.status >= 400) {
    await asset.body?.cancel();
    throw new CausewayError("not_found");
  }
  const response = new Response(asset.body, asset);
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.headers.set(name, value);
  response.headers.set("X-Request-Id", x.requestId);
  return response;
}
