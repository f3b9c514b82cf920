// Cookies that channels' origins set: kept per source in the isolate, sent back to that origin, never shown to a viewer.
// Origins that insist on theirs get them from every isolate of a data centre: what one was given is left, sealed, in the
// Cache API, where another one looks when it is refused.

import { CookieJar } from "../../shared/http/cookie-jar.ts";
import { COOKIE_LIMITS as LIMITS } from "../../shared/limits.ts";
import { sharedCache } from "../directory/cache.ts";
import type { Exchange } from "../exchange.ts";
import { channelSealer } from "./target.ts";

interface Kept {
  readonly jar: CookieJar;
  /** When it was left for the others: milliseconds since the epoch. */
  sharedAt: number;
}

/** By the names that ways give them, least recently changed first. */
const jars = new Map<string, Kept>();

/** Undefined when the source has set no cookie yet. */
export function cookieJar(name: string): CookieJar | undefined {
  return jars.get(name)?.jar;
}

/** Takes over what a reply from `url` sets. */
export function takeCookies(x: Exchange, name: string, url: URL, response: Response): void {
  if (!response.headers.has("set-cookie")) return;
  const kept = jars.get(name) ?? { jar: new CookieJar(), sharedAt: 0 };
  const now = Date.now();
  if (!kept.jar.store(url, response.headers.getSetCookie(), now)) return;
  keep(name, kept);
  // Some origins set another cookie with every reply; any of them will do for the others.
  if (now - kept.sharedAt < LIMITS.SHARE_MS) return;
  kept.sharedAt = now;
  x.ctx.waitUntil(share(x, name, kept.jar, now));
}

function keep(name: string, kept: Kept): void {
  jars.delete(name);
  jars.set(name, kept);
  const [oldest] = jars.keys();
  if (oldest !== undefined && jars.size > LIMITS.JARS_MAX) jars.delete(oldest);
}

/** Never rejects: another isolate that finds nothing is where it was. */
async function share(x: Exchange, name: string, jar: CookieJar, now: number): Promise<void> {
  try {
    const sealed = await (await channelSealer(x.env)).seal("cookies", JSON.stringify(jar.list(now)));
    await sharedCache(x.env).write(addressOf(name), sealed, Math.ceil(LIMITS.LIFE_MAX_MS / 1_000));
  } catch {
    // Without a root key nothing is sealed, and nothing of channels works either.
  }
}

/** Takes over what another isolate was given. True when that is more or newer than what is known here. */
export async function adoptCookies(x: Exchange, name: string): Promise<boolean> {
  const sealed = await sharedCache(x.env).read(addressOf(name));
  if (typeof sealed !== "string") return false;
  const text = await (await channelSealer(x.env)).open("cookies", sealed);
  if (text === undefined) return false;
  const now = Date.now();
  if (text === JSON.stringify(jars.get(name)?.jar.list(now) ?? [])) return false;
  keep(name, { jar: new CookieJar(JSON.parse(text)), sharedAt: now });
  return true;
}

function addressOf(name: string): string {
  return `cookies/${encodeURIComponent(name)}`;
}
