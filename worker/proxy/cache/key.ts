// What tells the stored replies of a host apart: everything of a request that its upstream may answer by, except the fields
// that a reply's Vary names.

import type { HostConfig } from "../../../shared/config/schema.ts";
import { selectingKey } from "../../../shared/http/cache/vary.ts";
import { CLAIMS, FORWARDED_FAMILY, FORWARDED_FIELDS } from "../../../shared/http/forwarded.ts";
import { HOP_BY_HOP, ODD_CHARACTER } from "../../../shared/http/headers.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { countryOf } from "../../access/country.ts";
import { originOf } from "../arrival.ts";
import type { CachePlan, Call } from "../call.ts";
import { requestHead } from "../request-head.ts";
import { queryOf } from "../target-path.ts";

/** Raise it when the shape of what is stored changes: isolates of two releases share one cache for a while. */
const FORMAT = 2;

/** What the cache has to know of a host; undefined where it is off. */
export function cachePlanOf(config: HostConfig): CachePlan | undefined {
  if (!config.cache) return undefined;
  const { set, add, remove } = config.headers.request;
  const values = [...Object.values(set), ...Object.values(add)].join(" ");
  const ruled = [...Object.keys(set), ...Object.keys(add), ...remove].map((name) => name.toLowerCase());
  return {
    byUser: values.includes("{user}"),
    byCountry: values.includes("{country}"),
    hidesAuthorization: [...Object.keys(set), ...remove].some(
      (name) => name.toLowerCase() === "authorization",
    ),
    changedFields: new Set([...ruled, ...CLAIMS, ...FORWARDED_FIELDS, ...HOP_BY_HOP, "via", "cf-ipcountry"]),
  };
}

/** How a request shows who sends it. Replies of one class are never given to another. */
export type AuthClass = "anonymous" | "authorized";

/** Every class that keys of a host may hold, for what concerns all of them. */
const CLASSES: readonly AuthClass[] = ["anonymous", "authorized"];

export function authClassOf(call: Call): AuthClass {
  return call.user !== "" || call.x.request.headers.has("authorization") ? "authorized" : "anonymous";
}

/**
 * The key of a request's address, without its method and the fields that Vary names. Undefined: too long to be stored.
 * Scheme and host are those that the upstream is told, with the port as the client wrote it: it may build links of them.
 */
export function keyOf(call: Call): string | undefined {
  const { url } = call.x;
  return addressKey(call, authClassOf(call), url.pathname + queryOf(url));
}

/** The keys of an address of the request's host in all classes: what is invalidated is so for everyone, whatever sets them apart. */
export function keysOf(call: Call, pathAndQuery: string): readonly string[] {
  return CLASSES.map((each) => addressKey(call, each, pathAndQuery)).filter((key) => key !== undefined);
}

function addressKey(call: Call, authClass: AuthClass, pathAndQuery: string): string | undefined {
  const { x } = call;
  // Behind a trusted proxy the name that led here and the one that the client used may be two.
  const origin = call.arrival ? `${x.url.host} ${originOf(call)}` : x.url.origin;
  // Whoever purges "/a" means "/a?", too.
  const purged = x.config.live.purgeEpoch(x.url.hostname, pathAndQuery.replace(/^([^?]*)\?$/, "$1"));
  const key = `${FORMAT} ${x.config.epoch} ${purged} ${authClass} ${origin}${pathAndQuery}`;
  return key.length > LIMITS.KEY_CHARS_MAX ? undefined : key;
}

/** True where upstreams are told of more than a request's fields say: its replies are for some only, whatever Vary names. */
export function isDivided({ plan: { cache } }: Call): boolean {
  return cache !== undefined && (cache.byUser || cache.byCountry);
}

/** Who is told to the upstream. */
function whoOf(call: Call): string {
  const { cache } = call.plan;
  const user = cache?.byUser ? `user=${encodeURIComponent(call.user)}\n` : "";
  return cache?.byCountry ? `${user}country=${countryOf(call)}\n` : user;
}

/**
 * What an upstream chooses its reply to this request by, as part of a key: the values of the fields `names`, and who the
 * request is from, where it is told.
 */
export function selectionOf(call: Call, names: readonly string[]): string {
  const { x, plan } = call;
  const [upstream] = plan.upstreams;
  // Fields that the proxy writes are compared as the upstream gets them, not as the client sent them.
  const isChanged = upstream !== undefined && names.some((name) => isChangedField(name, plan.cache));
  const fields = isChanged ? requestHead(call, upstream, false) : x.request.headers;
  // The runtime reads bytes that are no UTF-8 as one and the same character: such values cannot be told apart.
  if (names.some((name) => fields.get(name)?.includes("\ufffd"))) return crypto.randomUUID();
  return whoOf(call) + selectingKey(names, fields);
}

/** Odd spellings of other names may be kept from the upstream, too. */
function isChangedField(name: string, cache: CachePlan | undefined): boolean {
  return (
    ODD_CHARACTER.test(name) || name.startsWith(FORWARDED_FAMILY) || cache?.changedFields.has(name) === true
  );
}
