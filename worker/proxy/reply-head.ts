// The header fields of an upstream's reply as the client gets them.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CORS_REPLY_FIELDS } from "../../shared/http/cors.ts";
import { compileHeaderRules } from "../../shared/http/header-rules.ts";
import { listedFields } from "../../shared/http/headers.ts";
import { publicLocation } from "../../shared/http/location.ts";
import { publicCookie } from "../../shared/http/set-cookie.ts";
import { addVary } from "../../shared/http/vary.ts";
import { hostOf, originOf } from "./arrival.ts";
import type { Call, HeadStep, ReplyField, Upstream } from "./call.ts";
import { placeholderValue } from "./placeholder.ts";

/** Of the connection to the upstream, or another proxy's challenge: not for the client. */
const FOR_US = ["proxy-connection", "proxy-authenticate"] as const;

/** What a host's configuration does to the fields beyond what every host does. */
export function replyStepsOf(config: HostConfig): readonly HeadStep[] {
  const rules = compileHeaderRules(config.headers.response);
  if (!rules) return [];
  return [(call, upstream, fields) => rules.apply(fields, (name) => placeholderValue(name, call, upstream))];
}

/**
 * Whether an upstream's fields go to the client as they are: nothing of `headers` is for `replyHead` to change. To the runtime
 * each list of fields that can be changed is a copy and two objects, some 16 us of 200 per request (measured).
 */
export function isFinalHead({ plan, log, replyFields }: Call, headers: Headers): boolean {
  const { rewrite_location: ownLocation, rewrite_cookies: ownCookies } = plan.config;
  if (log || replyFields || plan.ownsCors || plan.replySteps.length > 0) return false;
  if (ownLocation && headers.has("location")) return false;
  if (ownCookies && headers.has("set-cookie")) return false;
  if (FOR_US.some((name) => headers.has(name))) return false;
  return listedFields(headers.get("connection")).length === 0;
}

/**
 * Fixes a reply's header fields in place. One that is logged gets the request's id, unless the upstream gave one: that is the
 * id under which whoever made this reply logged it. Each field is asked for by its name: reading all names costs as much as
 * fourteen such questions, because the reader is an object of the runtime's own (measured; requests have to be read for
 * spellings that nobody can list).
 */
export function replyHead(call: Call, upstream: Upstream, headers: Headers): void {
  const { x, plan, replyFields } = call;
  const { rewrite_location: ownLocation, rewrite_cookies: ownCookies } = plan.config;
  for (const listed of listedFields(headers.get("connection"))) headers.delete(listed);
  for (const name of FOR_US) headers.delete(name);
  if (plan.ownsCors) for (const name of CORS_REPLY_FIELDS) headers.delete(name);
  if (ownLocation) rewriteLocation(call, upstream, headers);
  if (ownCookies && headers.has("set-cookie")) rewriteCookies(call, upstream, headers);
  if (call.log && !headers.has("x-request-id")) headers.set("x-request-id", x.requestId);
  if (replyFields) putFields(headers, replyFields);
  for (const step of plan.replySteps) step(call, upstream, headers);
}

/** What earlier steps left for the reply stands in place of the upstream's, but for fields of which there may be several. */
function putFields(headers: Headers, fields: readonly ReplyField[]): void {
  for (const [name, value] of fields) {
    if (name === "set-cookie") headers.append(name, value);
    else if (name === "vary") addVary(headers, value);
    else headers.set(name, value);
  }
}

function rewriteLocation(call: Call, upstream: Upstream, headers: Headers): void {
  const location = headers.get("location");
  if (location === null) return;
  const { upstreams, rewrite } = call.plan;
  const rewritten = publicLocation(location, upstream, upstreams, { origin: originOf(call), rewrite });
  if (rewritten !== location) headers.set("location", rewritten);
}

function rewriteCookies(call: Call, upstream: Upstream, headers: Headers): void {
  const cookies = headers.getSetCookie();
  if (cookies.length === 0) return;
  const { rewrite } = call.plan;
  const site = {
    upstreamHost: new URL(upstream.origin).hostname,
    base: upstream.path + rewrite.add,
    publicHost: hostOf(call).replace(/:\d+$/, ""),
    rewrite,
  };
  const rewritten = cookies.map((cookie) => publicCookie(cookie, site));
  // Setting a field spells its bytes as UTF-8: what need not change is not set.
  if (rewritten.every((cookie, index) => cookie === cookies[index])) return;
  headers.delete("set-cookie");
  for (const cookie of rewritten) headers.append("set-cookie", cookie);
}
