// Purging over the API: what the caches of all data centres hold of an address, of everything that begins like it, or of a
// whole host is not used any more, within 5 s.

import * as v from "valibot";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS, LIVE_LIMITS } from "../../shared/limits.ts";
import { canonicalHost } from "../../shared/net/host-name.ts";
import { directory } from "../directory/client.ts";
import type { PurgeScope } from "../directory/live.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";

const address = v.pipe(v.string(), v.maxLength(LIVE_LIMITS.PURGE_ADDRESS_CHARS_MAX));
const host = v.pipe(v.string(), v.regex(/^(?:\*|(?:\*\.)?[^\s*/?#@[\]\\]{1,253})$/));

const PurgeSchema = v.union([
  v.strictObject({ url: address }),
  v.strictObject({ host, prefix: v.optional(v.pipe(address, v.startsWith("/"))) }),
]);

const FORMS = '{"url": …}, {"host": …, "prefix": "/…"} or {"host": …}';

/** POST /api/cache/purge: `{url}`, `{host, prefix}` or `{host}`; a host may be "*.name", or "*" for all. */
export async function purgeCache(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const body = v.safeParse(PurgeSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  const scope = body.success ? scopeOf(body.output) : undefined;
  if (!scope || !isLegal(scope))
    throw new CausewayError("bad_request", `Cannot purge: the body must be ${FORMS}`);
  const epoch = await directory(x.env).purge(scope);
  return json(x, { purged: scope, epoch });
}

/** Whatever a URL can carry is ASCII once it is parsed, though longer by its escapes. */
function isLegal({ host, exact = "", prefix = "" }: PurgeScope): boolean {
  return /^[!-~]+$/.test(host) && (exact + prefix).length <= LIVE_LIMITS.PURGE_ADDRESS_CHARS_MAX;
}

/** Addresses are parsed as requests are, so that they are spelled as requests' addresses come out of it. */
function scopeOf(order: v.InferOutput<typeof PurgeSchema>): PurgeScope | undefined {
  if ("url" in order) {
    const url = URL.parse(order.url);
    if (!url || !/^https?:$/.test(url.protocol)) return undefined;
    return { host: canonicalHost(url.hostname), exact: url.pathname + url.search };
  }
  const name = patternOf(order.host);
  if (order.prefix === undefined) return { host: name };
  const url = URL.parse(`http://host${order.prefix}`);
  if (!url) return undefined;
  return { host: name, prefix: url.pathname + url.search };
}

function patternOf(text: string): string {
  if (text === "*") return text;
  return text.startsWith("*.") ? `*.${canonicalHost(text.slice(2))}` : canonicalHost(text);
}
