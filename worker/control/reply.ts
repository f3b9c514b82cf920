// Answers of the API. None may be stored: they depend on who asked.

import type { ControlExchange } from "./exchange.ts";

export function json(
  x: Pick<ControlExchange, "requestId">,
  body: unknown,
  init: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  return new Response(JSON.stringify(body), {
    status: init.status ?? 200,
    headers: { ...init.headers, "Content-Type": "application/json", ...apiHeaders(x) },
  });
}

/** An answer for a program that reads text. */
export function text(x: Pick<ControlExchange, "requestId">, body: string, contentType: string): Response {
  return new Response(body, { headers: { "Content-Type": contentType, ...apiHeaders(x) } });
}

/** An answer without a body. */
export function noContent(
  x: Pick<ControlExchange, "requestId">,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(null, { status: 204, headers: { ...headers, ...apiHeaders(x) } });
}

function apiHeaders(x: Pick<ControlExchange, "requestId">): Record<string, string> {
  return {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": x.requestId,
  };
}
