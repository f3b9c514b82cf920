// The way to an upstream through a relay: the request goes to the relay's ingress with its target signed, and what comes
// back is the upstream's reply, or the relay's own refusal.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { INGRESS_FIELDS, signedFields } from "../../shared/ingress/signature.ts";
import type { ConfigSnapshot } from "../directory/client.ts";

/** Refusals that speak of the upstream and not of the relay, by their code. */
const UPSTREAM_FAULTS: ReadonlyMap<string, ErrorCode> = new Map([
  ["name_unknown", "upstream_unreachable"],
  ["name_unresolved", "upstream_unreachable"],
  ["connection_refused", "upstream_unreachable"],
  ["network_unreachable", "upstream_unreachable"],
  ["target_unreachable", "upstream_unreachable"],
  ["dial_failed", "upstream_unreachable"],
  ["upstream_unreachable", "upstream_unreachable"],
  ["upstream_invalid", "upstream_invalid"],
  ["dial_timeout", "upstream_timeout"],
  ["upstream_timeout", "upstream_timeout"],
]);

/**
 * `send(target, init)` through a relay; a WebSocket upgrade goes the same way. Each call signs anew.
 * @throws CausewayError `relay_unreachable`, `relay_refused`, `secrets_missing`, `upstream_unreachable`,
 *   `upstream_invalid`, `upstream_timeout`
 */
export async function fetchViaRelay(
  config: Pick<ConfigSnapshot, "egress">,
  relay: string,
  target: string,
  init: RequestInit,
  send: typeof fetch,
): Promise<Response> {
  const egress = config.egress(relay);
  const headers = new Headers(init.headers);
  // The fragment-free text of the configured base and the parsed path: what is signed is what is sent.
  const fields = await signedFields(egress.key, init.method ?? "GET", target, Date.now());
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  const response = await reach(send, egress.url, { ...init, headers });
  const refusal = response.headers.get(INGRESS_FIELDS.ERROR);
  if (refusal === null) return response;
  await response.body?.cancel();
  throw refusalError(refusal);
}

async function reach(send: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await send(url, init);
  } catch (cause) {
    throw new CausewayError("relay_unreachable", undefined, { cause });
  }
}

/** The relay's word is not repeated to clients: only what it means to them. */
function refusalError(code: string): CausewayError {
  return new CausewayError(UPSTREAM_FAULTS.get(code) ?? "relay_refused");
}
