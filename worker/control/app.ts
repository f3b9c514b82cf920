// The control plane: a hono app over the route table, built on the first request for a control host. Channels are
// answered before it, because their segments are proxied traffic.

import { Hono } from "hono";
import { CausewayError } from "../../shared/errors.ts";
import { isChannelPath } from "../channel-routes.ts";
import { errorResponse, failureResponse } from "../error-response.ts";
import { channels } from "./channels.ts";
import type { ControlExchange } from "./exchange.ts";
import { page } from "./page.ts";
import { ROUTES } from "./routes.ts";

interface ControlBindings {
  Bindings: ControlExchange;
}

let built: Hono<ControlBindings> | undefined;

/** Answers any request for a control host. */
export async function handleControl(x: ControlExchange): Promise<Response> {
  if (isChannelPath(x.url.pathname)) return channels(x);
  built ??= build();
  return built.fetch(x.request, x, x.ctx);
}

function build(): Hono<ControlBindings> {
  // One parsed URL decides everything: hono's own reading of the raw one would not fold dot segments.
  const app = new Hono<ControlBindings>({
    getPath: (_, options) => options?.env?.url.pathname ?? "/",
  });
  for (const [path, handlers] of Object.entries(ROUTES)) {
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, ({ env }) => handler(env));
    const allow = Object.keys(handlers).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    app.all(path, ({ env }) => methodNotAllowed(env, allow.join(", ")));
  }
  app.all("/api/*", ({ env }) => errorResponse(new CausewayError("not_found"), { ...env, control: true }));
  app.get("*", ({ env }) => servePage(env));
  app.all("*", ({ env }) => methodNotAllowed(env, "GET, HEAD"));
  app.onError((thrown, { env }) => failureResponse(thrown, { ...env, control: true }));
  return app;
}

function methodNotAllowed(x: ControlExchange, allow: string): Response {
  return errorResponse(new CausewayError("method_not_allowed"), { ...x, control: true, allow });
}

/** Outside the API people are the clients: what is not there is said by a page or by JSON, as they accept. */
async function servePage(x: ControlExchange): Promise<Response> {
  try {
    return await page(x);
  } catch (thrown) {
    return failureResponse(thrown, { request: x.request, requestId: x.requestId });
  }
}
