// The functions that decide which address, and which country, a request comes from, and how. Whoever else wants to know asks
// them, and reads no header that a client may have written.

import { canonicalIp } from "../shared/net/address.ts";
import { timingSafeEqual } from "../shared/net/constant-time.ts";
import type { Env } from "./env.ts";

/** Holds the front's secret. */
const FRONT_SECRET_HEADER = "x-causeway-front";
/** Holds the client's address, as the front saw it. */
const FRONT_CLIENT_HEADER = "x-causeway-client";
/** Holds the country of that address, if the front knows it. */
const FRONT_COUNTRY_HEADER = "x-causeway-country";

/** Headers between a local front and the Worker. They never travel on to an origin. */
export const FRONT_HEADERS = [FRONT_SECRET_HEADER, FRONT_CLIENT_HEADER, FRONT_COUNTRY_HEADER] as const;

const LOOPBACK = "127.0.0.1";

/** What Cloudflare's network says of a request; undefined where there is none in front: `cf` is then a client's own claim. */
export function networkMark(
  request: Request,
  env: Pick<Env, "FRONT_SECRET">,
): Partial<IncomingRequestCfProperties> | undefined {
  const cf = request.cf as Partial<IncomingRequestCfProperties> | undefined;
  return env.FRONT_SECRET === undefined && cf?.colo ? cf : undefined;
}

/**
 * The client's address, canonical.
 *
 * With FRONT_SECRET set (even empty) there is no Cloudflare network in front: the direct socket hands over no address and
 * would pass any CF-Connecting-IP, and even any `cf` (header MF-CF-Blob), that a client made up. Then only a peer that
 * presents the secret may name the client, and everybody else is 127.0.0.1. Whoever serves the Worker locally must
 * therefore always set it. Without it, CF-Connecting-IP counts on requests that Cloudflare's network marked with `cf`.
 */
export function clientAddress(request: Request, env: Pick<Env, "FRONT_SECRET">): string {
  const secret = env.FRONT_SECRET;
  if (secret === undefined) {
    if (!networkMark(request, env)) return LOOPBACK;
    return canonical(request.headers.get("cf-connecting-ip"));
  }
  if (!isFront(request, secret)) return LOOPBACK;
  return canonical(request.headers.get(FRONT_CLIENT_HEADER));
}

/**
 * The country of the client's address as Cloudflare names it ("DE", "T1" for Tor), or "" where nobody knows: by the same
 * rule as the address, from `cf` on Cloudflare's network, else from a front that presents the secret.
 */
export function clientCountry(request: Request, env: Pick<Env, "FRONT_SECRET">): string {
  const secret = env.FRONT_SECRET;
  if (secret === undefined) return networkMark(request, env)?.country ?? "";
  if (!isFront(request, secret)) return "";
  const country = request.headers.get(FRONT_COUNTRY_HEADER) ?? "";
  return /^[A-Z][A-Z0-9]$/.test(country) ? country : "";
}

function isFront(request: Request, secret: string): boolean {
  const presented = request.headers.get(FRONT_SECRET_HEADER);
  return presented !== null && secret !== "" && timingSafeEqual(presented, secret);
}

function canonical(text: string | null): string {
  return (text !== null && canonicalIp(text.trim())) || LOOPBACK;
}
