// What the control plane's tests share: a Worker environment with known secrets, and requests against it.

import { createExecutionContext } from "cloudflare:test";
import { env as bindings } from "cloudflare:workers";
import { expect } from "vitest";
import { tokenVerifier } from "../../../shared/config/secrets.ts";
import { handle } from "../../../worker/app.ts";
import { directory } from "../../../worker/directory/client.ts";
import type { Env } from "../../../worker/env.ts";

export const ADMIN_TOKEN = "admin-token-of-these-tests";
export const VIEWER_TOKEN = "viewer-token-of-these-tests";
export const OPERATOR_TOKEN = "operator-token-of-these-tests";
export const RELAY_TOKEN = "relay-token-of-these-tests";
/** The control host, with a port as in the local default. */
export const CONTROL = "http://control.test:8787";

/** The files of a page, as the asset store would answer them. */
const ASSETS: Pick<Fetcher, "fetch"> = {
  fetch: async (input) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (pathname === "/index.html") return new Response("<!doctype html>", { headers: { ETag: '"1"' } });
    return new Response("no such asset", { status: 404 });
  },
};

export const testEnv: Env = {
  ...(bindings as unknown as Env),
  CONTROL_HOSTS: "control.test, other-control.test",
  ADMIN_TOKEN,
  ROOT_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
  FRONT_SECRET: "front-secret-of-these-tests",
  ASSETS: ASSETS as Fetcher,
};

/** A configuration with a viewer, an operator and a relay; `more` adds to it. */
export async function testDocument(more: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return {
    edge: {
      tokens: [
        { name: "wall", role: "viewer", token: await tokenVerifier(VIEWER_TOKEN) },
        { name: "ops", role: "operator", token: await tokenVerifier(OPERATOR_TOKEN) },
      ],
    },
    relays: [{ name: "main", token: await tokenVerifier(RELAY_TOKEN) }],
    ...more,
  };
}

/** Makes a document current, in this isolate at once. */
export async function push(document: Record<string, unknown>, env: Env = testEnv): Promise<void> {
  expect(await directory(env).put(document)).toMatchObject({ ok: true });
}

/**
 * Sends a request through the whole Worker; a path is one of the control host. What it leaves in `waitUntil` is not waited
 * for: counting a body ends only when the caller has read it.
 */
export async function send(pathOrUrl: string, init: RequestInit = {}, env: Env = testEnv): Promise<Response> {
  const url = pathOrUrl.startsWith("/") ? CONTROL + pathOrUrl : pathOrUrl;
  return handle(new Request(url, init), env, createExecutionContext());
}

export function bearer(
  token: string,
  more: Record<string, string> = {},
): { headers: Record<string, string> } {
  return { headers: { Authorization: `Bearer ${token}`, ...more } };
}

export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  };
}

export function upgrade(headers: Record<string, string> = {}): RequestInit {
  return { headers: { Upgrade: "websocket", ...headers } };
}

/** The code of an error answer. */
export async function errorCode(response: Response): Promise<string> {
  const { error } = await response.json<{ error: { code: string } }>();
  return error.code;
}

/** Signs in by a token and gives the Cookie header of the session. */
export async function signIn(token: string = ADMIN_TOKEN): Promise<string> {
  const response = await send("/api/session", post({ token }));
  return cookieOf(response);
}

/** The `name=value` that a response sets. */
export function cookieOf(response: Response): string {
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

/** Ends a WebSocket answer, so that the object lets go of it. */
export function closeSocket(response: Response): void {
  response.webSocket?.accept();
  response.webSocket?.close(1000);
}
