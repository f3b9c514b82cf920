// What commands ask of an edge's control API, besides pushing.

import { setTimeout as delay } from "node:timers/promises";
import { fetchFailure } from "../fetch-failure.ts";

const READY_DEADLINE_MS = 15_000;
const READY_POLL_MS = 50;

/**
 * Makes the code of a one-time login link.
 * @throws {Error} when the edge cannot be reached or refuses.
 */
export async function createLoginCode(edgeUrl: string, adminToken: string): Promise<string> {
  const reply = await fetch(`${edgeUrl}/api/login-codes`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}` },
    redirect: "error",
  }).catch((error: unknown) => {
    throw new Error(`Cannot reach the edge at ${edgeUrl}: ${fetchFailure(error)}`, { cause: error });
  });
  const text = await reply.text();
  const code = reply.ok ? (JSON.parse(text) as { code?: unknown }).code : undefined;
  if (typeof code === "string") return code;
  throw new Error(`Cannot make a login link: the edge answered ${reply.status}: ${text.slice(0, 300)}`);
}

/** What POST /api/sign takes. */
export interface SignOrder {
  readonly channel: string;
  readonly expires: string;
  readonly viewer?: string;
  readonly ip?: string;
  readonly session?: string;
  readonly connections?: number;
  readonly host?: string;
}

/**
 * The address that the edge makes by an order.
 * @throws {Error} when the edge cannot be reached or refuses; the message says why.
 */
export async function createSignedAddress(
  edgeUrl: string,
  token: string,
  order: SignOrder,
): Promise<{ url: string; expiresAt: string | null }> {
  const reply = await fetch(`${edgeUrl}/api/sign`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(order),
    redirect: "error",
  }).catch((error: unknown) => {
    throw new Error(`Cannot reach the edge at ${edgeUrl}: ${fetchFailure(error)}`, { cause: error });
  });
  const text = await reply.text();
  const body = parseReply(text);
  if (reply.ok && typeof body.url === "string")
    return { url: body.url, expiresAt: typeof body.expires_at === "string" ? body.expires_at : null };
  const said = body.error?.message ?? `the edge answered ${reply.status}: ${text.slice(0, 300)}`;
  throw new Error(said.startsWith("Cannot") ? said : `Cannot sign: ${said}`);
}

interface SignReply {
  readonly url?: unknown;
  readonly expires_at?: unknown;
  readonly error?: { readonly message?: string };
}

function parseReply(text: string): SignReply {
  try {
    return (JSON.parse(text) ?? {}) as SignReply;
  } catch {
    return {};
  }
}

/** The address that signs its reader in, once. */
export function loginLink(edgeUrl: string, code: string): string {
  return `${edgeUrl}/#login=${code}`;
}

/**
 * Resolves once the edge has its configuration and its objects answer.
 * @throws {Error} when that takes longer than 15 s.
 */
export async function untilReady(edgeUrl: string): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    const reply = await fetch(`${edgeUrl}/ready`).catch((error: unknown) => String(error));
    if (typeof reply !== "string") {
      await reply.body?.cancel();
      if (reply.ok) return;
    }
    if (Date.now() > deadline) {
      const said = typeof reply === "string" ? reply : `/ready answers ${reply.status}`;
      throw new Error(`The edge is not ready after ${READY_DEADLINE_MS / 1_000} s: ${said}`);
    }
    await delay(READY_POLL_MS);
  }
}
