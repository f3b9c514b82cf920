// Turns errors into answers: JSON on the control plane, a short page or JSON by Accept elsewhere. Nothing that an
// upstream, a stack or an exception says reaches a client of a proxied host; only codes and their fixed sentences do.

import { CausewayError, ERRORS } from "../shared/errors.ts";
import { CONTROL_LIMITS } from "../shared/limits.ts";
import { errorPage, PAGE_POLICY } from "./error-page.ts";

export interface ErrorContext {
  readonly requestId: string;
  readonly request: Request;
  /** True on the control plane: always JSON, and the error's own message, written for operators. */
  readonly control?: boolean;
  /** Methods of the path, for 405. */
  readonly allow?: string;
  /** What is wrong with a configuration, each with path, value and legal range. */
  readonly problems?: readonly unknown[];
}

/** The answer to a known error. Always has X-Request-Id; Retry-After with 429 and 503; and the error's own fields. */
export function errorResponse(error: CausewayError, x: ErrorContext): Response {
  const { code, status } = error;
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": x.requestId,
  });
  if (status === 429 || status === 503) headers.set("Retry-After", String(CONTROL_LIMITS.RETRY_AFTER_S));
  if (status === 426) headers.set("Upgrade", "websocket");
  if (status === 405 && x.allow !== undefined) headers.set("Allow", x.allow);
  if (x.control && status === 401) headers.set("WWW-Authenticate", 'Bearer realm="causeway"');
  for (const [name, value] of Object.entries(error.fields ?? {})) headers.set(name, value);
  const message = x.control ? error.message : ERRORS[code].text;
  if (!x.control && wantsPage(x.request)) {
    headers.set("Content-Type", "text/html; charset=utf-8");
    headers.set("Content-Security-Policy", PAGE_POLICY);
    headers.append("Vary", "Accept");
    return new Response(errorPage(status, code, message, x.requestId), { status, headers });
  }
  headers.set("Content-Type", "application/json");
  if (!x.control) headers.append("Vary", "Accept");
  const body = {
    code,
    message,
    request_id: x.requestId,
    ...(x.problems && { problems: x.problems }),
  };
  return new Response(JSON.stringify({ error: body }), { status, headers });
}

/** What was thrown, with the fields that the client's reply is to have in any case; its own ones stand. */
export function withFields(
  thrown: unknown,
  fields: readonly (readonly [name: string, value: string])[],
): unknown {
  if (!(thrown instanceof CausewayError)) return thrown;
  const { code, message, cause } = thrown;
  return new CausewayError(code, message, {
    cause,
    fields: { ...Object.fromEntries(fields), ...lowerCased(thrown.fields) },
  });
}

function lowerCased(fields: CausewayError["fields"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The answer to anything thrown: an unknown error is reported and answered as `internal`, without its text. */
export function failureResponse(thrown: unknown, x: ErrorContext): Response {
  if (thrown instanceof CausewayError) return errorResponse(thrown, x);
  reportUnexpected(thrown, x.requestId);
  return errorResponse(new CausewayError("internal"), x);
}

function wantsPage(request: Request): boolean {
  return (
    request.headers.get("accept")?.toLowerCase().includes("text/html") === true &&
    !request.headers.has("upgrade")
  );
}

/**
 * One JSON line in the Worker's log. The message is left out on purpose: runtime errors quote URLs, and those may carry
 * credentials; name and frames are enough to find the place.
 */
function reportUnexpected(thrown: unknown, requestId: string): void {
  const error = thrown instanceof Error ? thrown : undefined;
  const frames = error?.stack?.split("\n").filter((line) => line.trimStart().startsWith("at ")) ?? [];
  // biome-ignore lint/suspicious/noConsole: the runtime's log is where an unexpected error is reported
  console.error(
    JSON.stringify({
      event: "unexpected_error",
      request_id: requestId,
      name: error?.name ?? typeof thrown,
      frames: frames.slice(0, 8).map((line) => line.trim()),
    }),
  );
}
