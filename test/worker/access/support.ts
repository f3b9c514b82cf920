// What tests of access share: hosts as the configuration makes them, and calls as the gates see them.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";
import type { HostConfig } from "../../../shared/config/schema.ts";
import { CausewayError } from "../../../shared/errors.ts";
import type { Env } from "../../../worker/env.ts";
import type { Call, Gate } from "../../../worker/proxy/call.ts";

export const bindings = env as unknown as Env;

let hosts = 0;

/** A host of a name of its own, so that tests share no state. */
export function hostOf(fields: Record<string, unknown>): HostConfig {
  const host = { host: `h${++hosts}.test`, upstreams: ["http://upstream.test"], ...fields };
  const parsed = parseConfig({ hosts: [host] });
  const config = parsed.ok ? parsed.config.hosts[0] : undefined;
  if (!config) throw new Error(`Cannot use the host: ${JSON.stringify(parsed)}`);
  return config;
}

interface CallFields {
  readonly headers?: Record<string, string>;
  readonly clientIp?: string;
  /** The address of whoever connected; the client's own if absent. */
  readonly peerIp?: string;
  readonly now?: number;
  readonly env?: Partial<Env>;
  readonly cf?: object;
}

/** A call of a client that every test may name; its context is waited for by `settled`. */
export function callOf(fields: CallFields = {}): Call & { settled(): Promise<void> } {
  const { headers = {}, clientIp = "192.0.2.1", peerIp = clientIp, now = Date.now() } = fields;
  const ctx = createExecutionContext();
  const init = { headers, ...(fields.cf && { cf: fields.cf }) };
  const x = {
    request: new Request("http://h.test/", init),
    env: { ...bindings, ...fields.env },
    ctx,
    clientIp: peerIp,
    startedAt: now,
  };
  const call = { x, clientIp, user: "", replyFields: undefined } as unknown as Call;
  return Object.assign(call, { settled: () => waitOnExecutionContext(ctx) });
}

/** What a gate refuses a call with; undefined if it lets it pass. */
export async function refusal(gate: Gate | undefined, call: Call): Promise<CausewayError | undefined> {
  if (!gate) throw new Error("Cannot ask the gate: the host has none");
  try {
    expect(await gate(call)).toBeUndefined();
    return undefined;
  } catch (error) {
    if (error instanceof CausewayError) return error;
    throw error;
  }
}
