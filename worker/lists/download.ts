// Fetches a provider's list or guide: its own header fields, redirects followed by hand with every hop's destination checked,
// directly or through a relay; then its text as it comes, out of its compression, with bounds on bytes and time.

import { CausewayError } from "../../shared/errors.ts";
import { basicCredentials } from "../../shared/http/basic-credentials.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { fetchViaRelay } from "../proxy/via.ts";
import type { Work } from "./work.ts";

type Ways = Pick<Work, "egress" | "inside" | "outside" | "assertOutside">;

/** What is fetched; secrets in the clear. */
export interface Provider {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** "direct" or "relay:NAME". */
  readonly via: string;
}

/** The provider's validators; empty ones are not sent. */
export interface Validators {
  readonly etag: string;
  readonly modified: string;
}

/** Fields that carry credentials: they go to the host that the configuration names, and to no other. */
const CREDENTIALS = ["authorization", "cookie"] as const;

/**
 * The provider's 200 with its body unread, or "unchanged".
 * @throws CausewayError `target_refused`, `upstream_unreachable`, `upstream_timeout`, `upstream_invalid` (redirects),
 * `origin_status`; through a relay `relay_unreachable`, `relay_refused`, `secrets_missing`
 */
export async function download(
  ways: Ways,
  provider: Provider,
  validators: Validators,
  signal: AbortSignal,
): Promise<Response | "unchanged"> {
  const source = new URL(provider.url);
  const relay = provider.via === "direct" ? undefined : provider.via.slice("relay:".length);
  let url: URL | null = source;
  for (let hop = 0; hop <= LIMITS.REDIRECTS_MAX; hop++) {
    if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new CausewayError("upstream_invalid");
    const isOwn = url.host === source.host && url.protocol === source.protocol;
    if (!isOwn) ways.assertOutside(url, relay);
    const response = await send(ways, provider, { url, isOwn, relay, validators, signal });
    const { status } = response;
    if (status === 200) return response;
    await response.body?.cancel();
    if (status === 304 && validators.etag + validators.modified !== "") return "unchanged";
    const location = status > 300 && status < 309 ? response.headers.get("location") : null;
    if (location === null) throw new CausewayError("origin_status");
    url = URL.parse(location, url);
  }
  throw new CausewayError("upstream_invalid");
}

interface Hop {
  readonly url: URL;
  /** Whether it is the host of the configured URL. */
  readonly isOwn: boolean;
  readonly relay: string | undefined;
  readonly validators: Validators;
  readonly signal: AbortSignal;
}

async function send(ways: Ways, provider: Provider, hop: Hop): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), LIMITS.HEADER_TIMEOUT_MS);
  const signal = AbortSignal.any([hop.signal, controller.signal]);
  const target = new URL(hop.url);
  target.username = "";
  target.password = "";
  target.hash = "";
  const init = { headers: fieldsFor(provider, hop), redirect: "manual", signal } as const;
  try {
    if (hop.relay === undefined) return await (hop.isOwn ? ways.inside : ways.outside)(target.href, init);
    return await fetchViaRelay(ways, hop.relay, target.href, init, ways.inside);
  } catch (cause) {
    if (signal.aborted) throw new CausewayError("upstream_timeout", undefined, { cause });
    if (cause instanceof CausewayError) throw cause;
    throw new CausewayError("upstream_unreachable", undefined, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function fieldsFor(provider: Provider, { url, isOwn, validators }: Hop): Headers {
  const fields = new Headers(provider.headers);
  if (!fields.has("user-agent")) fields.set("User-Agent", "causeway");
  for (const name of ["host", "range", "content-length", "connection"]) fields.delete(name);
  if (!isOwn) for (const name of CREDENTIALS) fields.delete(name);
  if (validators.etag !== "") fields.set("If-None-Match", validators.etag);
  if (validators.modified !== "") fields.set("If-Modified-Since", validators.modified);
  if (url.username !== "" && !fields.has("authorization")) fields.set("Authorization", basicCredentials(url));
  return fields;
}

/** The validators of a reply, as far as they are short enough to keep. */
export function validatorsOf(response: Response): Validators {
  const field = (name: string) => (response.headers.get(name) ?? "").slice(0, 1_000);
  return { etag: field("etag"), modified: field("last-modified") };
}
