// Channels with and without tokens, keys and a subscriber, and clients that ask for them.

import { expect } from "vitest";
import { tokenVerifier } from "../../../../shared/config/secrets.ts";
import { VIEWER_LIMITS } from "../../../../shared/limits.ts";
import {
  fingerprintOf,
  importSigningKey,
  signToken,
  type TokenClaims,
} from "../../../../shared/viewers/token.ts";
import { errorCode, push, send, testDocument, testEnv } from "../../control/support.ts";

export const OLD = { id: "old", key: "the-older-signing-key-of-these-tests" };
export const NEW = { id: "new", key: "the-newer-signing-key-of-these-tests" };
export const ALICE = "alices-own-secret-in-addresses";

export interface Changes {
  readonly keys?: readonly object[];
  readonly alice?: object;
  readonly viewers?: readonly object[];
}

export async function configure({ keys = [OLD], alice = {}, viewers }: Changes = {}): Promise<void> {
  const document = await testDocument();
  const channel = (id: string, more: object = {}) => ({
    id,
    sources: ["http://origin.invalid/i.m3u8"],
    ...more,
  });
  await push({
    ...document,
    edge: { ...(document.edge as object), signing_keys: keys },
    channels: [
      channel("ch_open"),
      channel("ch_small", { max_viewers: 1 }),
      channel("ch_hall", { max_viewers: VIEWER_LIMITS.NETWORK_PLACES + 2 }),
      channel("ch_paid", { access: "token", group: "Films" }),
      channel("ch_other", { access: "token", group: "News" }),
      channel("ch_cinema", { access: "token", group: "Films", max_viewers: 1 }),
    ],
    viewers: viewers ?? [{ name: "alice", token: ALICE, groups: ["Films"], ...alice }],
  });
}

export async function token(claims: Partial<TokenClaims> = {}, key = OLD): Promise<string> {
  const all = { channel: "ch_paid", expiresAt: Date.now() + 60_000, ...claims };
  return signToken({ id: key.id, key: await importSigningKey(key.key) }, all);
}

export async function aliceToken(claims: Partial<TokenClaims> = {}): Promise<string> {
  return token({
    viewer: { name: "alice", fingerprint: fingerprintOf(await tokenVerifier(ALICE)) },
    ...claims,
  });
}

/** Asks for something below a channel as the client at `ip`. */
export function ask(path: string, { ip = "203.0.113.7", agent = "Player/1" } = {}): Promise<Response> {
  return send(`/proxy/${path}`, {
    headers: {
      "x-causeway-front": testEnv.FRONT_SECRET ?? "",
      "x-causeway-client": ip,
      "user-agent": agent,
      accept: "application/json",
    },
  });
}

export async function answer(path: string, from: { ip?: string; agent?: string } = {}): Promise<string> {
  const response = await ask(path, from);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  return `${response.status} ${await errorCode(response)}`;
}
