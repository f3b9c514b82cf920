// The session cookie: its name, and how it is read, set and cleared. HttpOnly keeps it from scripts, SameSite=Strict from
// other sites, and over TLS the __Host- prefix from sibling domains that could plant one (RFC 6265bis §4.1.3).

import type { RequestUrl } from "../../shared/http/request-url.ts";

/** The cookie's value, or undefined. A request with two of them is taken to have none: one was planted. */
export function sessionCookie(request: Request, url: Pick<RequestUrl, "protocol">): string | undefined {
  const name = cookieName(url);
  const values = (request.headers.get("cookie") ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return values.length === 1 ? values[0]?.slice(name.length + 1) : undefined;
}

/** A Set-Cookie value that lasts `ttlMs`; 0 removes the cookie. */
export function setSessionCookie(url: Pick<RequestUrl, "protocol">, value: string, ttlMs: number): string {
  const secure = url.protocol === "https:" ? "; Secure" : "";
  return `${cookieName(url)}=${value}; Path=/; Max-Age=${Math.floor(ttlMs / 1000)}; HttpOnly; SameSite=Strict${secure}`;
}

function cookieName(url: Pick<RequestUrl, "protocol">): string {
  return url.protocol === "https:" ? "__Host-causeway" : "causeway";
}
