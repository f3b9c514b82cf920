// The target of a proxied HTTP request: CONNECT's authority and the absolute form (RFC 9112 section 3.2). Pure.

import { parseIp } from "../../shared/net/address.ts";
import type { Target } from "../outbound/outbound.ts";

const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\s:/?#@[\]]{1,255}))(?::(\d{0,5}))?$/;
const ABSOLUTE = /^http:\/\/([^/?#]*)([^#]*)$/i;

/** Where a plain request goes. */
export interface ForwardTarget {
  /** `host` or `host:port` as the client wrote it, without user info: the Host to send (RFC 9112 section 3.2.2). */
  readonly authority: string;
  readonly target: Target;
  /** Path and query as the client wrote them, "/" for none: also for OPTIONS, whose "*" undici cannot send. */
  readonly path: string;
  /** For logs and stats: no user info, no query. */
  readonly label: string;
}

/** Reads `host:port` of a CONNECT; undefined when it is none. The port is required (RFC 9110 section 9.3.6). */
export function parseConnectTarget(text: string): Target | undefined {
  return parseAuthority(text, undefined);
}

/** Reads an absolute `http:` URL; undefined for anything else. */
export function parseForwardTarget(url: string): ForwardTarget | undefined {
  const [, rawAuthority = "", rest = ""] = ABSOLUTE.exec(url) ?? [];
  const authority = rawAuthority.slice(rawAuthority.lastIndexOf("@") + 1);
  const target = parseAuthority(authority, 80);
  if (target === undefined) return undefined;
  return {
    authority,
    target,
    path: rest.startsWith("/") ? rest : `/${rest}`,
    label: `http://${authority}${rest.split("?")[0] ?? ""}`,
  };
}

function parseAuthority(text: string, defaultPort: number | undefined): Target | undefined {
  const [, address, name, digits = ""] = AUTHORITY.exec(text) ?? [];
  const host = address ?? name;
  // An empty port is the scheme's own (RFC 3986 section 3.2.3).
  const port = digits === "" ? defaultPort : Number(digits);
  if (address !== undefined && parseIp(address) === undefined) return undefined;
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/** Reads Proxy-Authorization: Basic (RFC 7617); undefined when it is absent or malformed. */
export function parseBasic(header: string | undefined): BasicCredentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]{1,2000}={0,2}) *$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
