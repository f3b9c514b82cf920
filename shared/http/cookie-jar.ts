// The cookies that an origin gave its client, and which of them a request carries (RFC 6265 §5). Bounded in count and size.
// Pure: URLs and time come in as arguments, no I/O; never throws on any text.

import { COOKIE_LIMITS as LIMITS } from "../limits.ts";
import { parseHostLiteral } from "../net/address.ts";

/** One cookie as it is kept. */
export interface Cookie {
  readonly name: string;
  readonly value: string;
  /** Lower case, without a leading dot. */
  readonly domain: string;
  /** Only the host `domain` itself gets it. */
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

type Place = Pick<URL, "hostname" | "pathname" | "protocol">;

export class CookieJar {
  /** By name, domain and path; oldest first. */
  readonly #cookies = new Map<string, Cookie>();

  constructor(cookies: readonly Cookie[] = []) {
    for (const cookie of cookies.slice(0, LIMITS.COOKIES_MAX)) this.#cookies.set(keyOf(cookie), cookie);
  }

  get size(): number {
    return this.#cookies.size;
  }

  /** What a reply from `url` sets, one Set-Cookie value each. True when the jar is another one now. */
  store(url: Place, values: readonly string[], now: number): boolean {
    let changed = false;
    for (const value of values.slice(0, LIMITS.COOKIES_MAX)) {
      const cookie = readSetCookie(value, url, now);
      if (cookie) changed = this.#put(cookie, now) || changed;
    }
    return changed;
  }

  /** The cookies for a request to `url`, those of longer paths first (§5.4); none that has expired. */
  match(url: Place, now: number): Cookie[] {
    const host = url.hostname.toLowerCase();
    const fitting = [...this.#cookies.values()].filter(
      (cookie) =>
        cookie.expiresAt > now &&
        (cookie.hostOnly ? cookie.domain === host : domainMatches(host, cookie.domain)) &&
        pathMatches(url.pathname, cookie.path) &&
        (!cookie.secure || url.protocol === "https:"),
    );
    return fitting.sort((a, b) => b.path.length - a.path.length);
  }

  /** For keeping it elsewhere: `new CookieJar(jar.list(now))` is the same jar. */
  list(now: number): Cookie[] {
    return [...this.#cookies.values()].filter(({ expiresAt }) => expiresAt > now);
  }

  #put(cookie: Cookie, now: number): boolean {
    const key = keyOf(cookie);
    const known = this.#cookies.get(key);
    if (cookie.expiresAt <= now) return this.#cookies.delete(key);
    this.#cookies.set(key, cookie);
    const [oldest] = this.#cookies.keys();
    if (oldest !== undefined && this.#cookies.size > LIMITS.COOKIES_MAX) this.#cookies.delete(oldest);
    return known?.value !== cookie.value;
  }
}

/**
 * A Cookie field: what is configured, except for names that the origin has set anew since, then the origin's own.
 * Undefined when there is nothing to send.
 */
export function cookieField(configured: string | null, cookies: readonly Cookie[]): string | undefined {
  const names = new Set(cookies.map(({ name }) => name));
  const kept = (configured ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "" && !names.has(pair.split("=", 1)[0] ?? ""));
  let field = kept.join("; ");
  for (const { name, value } of cookies) {
    const pair = `${name}=${value}`;
    if (field.length + pair.length > LIMITS.FIELD_CHARS_MAX) break;
    field = field === "" ? pair : `${field}; ${pair}`;
  }
  return field === "" ? undefined : field;
}

function keyOf({ name, domain, path }: Cookie): string {
  return `${name} ${domain} ${path}`;
}

/** §5.2 and §5.3; undefined for what must be ignored. */
function readSetCookie(text: string, url: Place, now: number): Cookie | undefined {
  const [pair = "", ...attributes] = text.split(";");
  const equals = pair.indexOf("=");
  const name = pair.slice(0, Math.max(equals, 0)).trim();
  const value = pair.slice(equals + 1).trim();
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\x20-\x3a\x3c-\x7e]*$/.test(value)) return undefined;
  if (text.length > LIMITS.SET_COOKIE_CHARS_MAX) return undefined;
  const given = readAttributes(attributes);
  const host = url.hostname.toLowerCase();
  const domain = (given.get("domain") ?? "").replace(/^\./, "").toLowerCase();
  const hostOnly = domain === "" || domain === host;
  if (!hostOnly && !mayCover(host, domain)) return undefined;
  const secure = given.has("secure");
  if (secure && url.protocol !== "https:") return undefined;
  if (!keepsPrefix(name, { secure, hostOnly: domain === "", path: given.get("path") })) return undefined;
  return {
    name,
    value,
    domain: hostOnly ? host : domain,
    hostOnly: domain === "",
    path: given.get("path")?.startsWith("/") ? (given.get("path") ?? "/") : defaultPath(url.pathname),
    secure,
    expiresAt: expiryOf(given, now),
  };
}

/** By name in lower case; the last of a name counts. */
function readAttributes(attributes: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (const attribute of attributes.slice(0, 20)) {
    const equals = attribute.indexOf("=");
    const name = (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase();
    given.set(name, equals < 0 ? "" : attribute.slice(equals + 1).trim());
  }
  return given;
}

/** A cookie for a whole top-level domain would be everybody's. */
function mayCover(host: string, domain: string): boolean {
  return domain.includes(".") && parseHostLiteral(host) === undefined && domainMatches(host, domain);
}

/** §5.1.3 */
function domainMatches(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

/** §5.1.4 */
function pathMatches(path: string, prefix: string): boolean {
  return (
    path === prefix || (path.startsWith(prefix) && (prefix.endsWith("/") || path[prefix.length] === "/"))
  );
}

function defaultPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** Names that promise where a cookie came from (RFC 6265bis §4.1.3). */
function keepsPrefix(
  name: string,
  { secure, hostOnly, path }: { secure: boolean; hostOnly: boolean; path: string | undefined },
): boolean {
  if (/^__secure-/i.test(name)) return secure;
  return !/^__host-/i.test(name) || (secure && hostOnly && path === "/");
}

/** Max-Age before Expires; a cookie of the session lives as long as one without either may. */
function expiryOf(given: ReadonlyMap<string, string>, now: number): number {
  const age = given.get("max-age");
  const latest = now + LIMITS.LIFE_MAX_MS;
  if (age !== undefined && /^-?\d{1,15}$/.test(age)) return Math.min(latest, now + Number(age) * 1_000);
  const date = Date.parse(given.get("expires") ?? "");
  return Number.isNaN(date) ? latest : Math.min(latest, date);
}
