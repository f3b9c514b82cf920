// One active health check: a request to an upstream, directly or through a relay, and the judgement on its reply.

import type { HealthCheck } from "../../shared/config/health-checks.ts";
import { CausewayError } from "../../shared/errors.ts";
import { statusMatcher } from "../../shared/http/status-range.ts";
import { HEALTH_LIMITS } from "../../shared/limits.ts";
import type { ConfigSnapshot } from "../directory/client.ts";
import { fetchViaRelay } from "../proxy/via.ts";
import type { CheckFailure, CheckResult } from "./table.ts";

const CODES: ReadonlySet<string> = new Set<CheckFailure>([
  "upstream_timeout",
  "upstream_unreachable",
  "relay_unreachable",
  "relay_refused",
  "secrets_missing",
]);

/** Where the way through relays is known. */
type Ways = Pick<ConfigSnapshot, "egress">;

/** Asks the upstream once, by `send`; `ways` is needed for a check through a relay. Never rejects. */
export async function probe(
  check: HealthCheck,
  ways: Ways | undefined,
  send: typeof fetch,
): Promise<CheckResult> {
  const { id, active } = check;
  const startedAt = Date.now();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), active.timeout);
  let status = 0;
  let failure: CheckFailure;
  try {
    const response = await ask(check, ways, send, controller.signal);
    status = response.status;
    failure = await judge(response, active);
  } catch (error) {
    failure = controller.signal.aborted ? "upstream_timeout" : failureOf(error);
  } finally {
    clearTimeout(timer);
  }
  return { id, failure, status, ms: Date.now() - startedAt };
}

function ask(
  { via, base, active }: HealthCheck,
  ways: Ways | undefined,
  send: typeof fetch,
  signal: AbortSignal,
): Promise<Response> {
  const target = base + active.path;
  const headers = { "User-Agent": "causeway-health-check", "Cache-Control": "no-cache" };
  const init: RequestInit = { headers, redirect: "manual", signal };
  if (via === "direct") return send(target, init);
  if (!ways) throw new CausewayError("relay_unreachable");
  return fetchViaRelay(ways, via.slice("relay:".length), target, init, send);
}

/** A reply is read to its end, within bounds, only where its text counts. */
async function judge(response: Response, { status, body }: HealthCheck["active"]): Promise<CheckFailure> {
  if (!statusMatcher([status])(response.status)) {
    await response.body?.cancel();
    return "status";
  }
  if (body === "") {
    await response.body?.cancel();
    return "";
  }
  return (await beginningOf(response)).includes(body) ? "" : "body";
}

async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let room = HEALTH_LIMITS.BODY_BYTES_MAX;
  let text = "";
  while (room > 0) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value.subarray(0, room), { stream: true });
    room -= value.byteLength;
  }
  await reader.cancel();
  return text;
}

function failureOf(error: unknown): CheckFailure {
  if (!(error instanceof CausewayError)) return "upstream_unreachable";
  return CODES.has(error.code) ? (error.code as CheckFailure) : "upstream_unreachable";
}
