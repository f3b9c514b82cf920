// Ways from the control plane to the Durable Objects that answer `fetch`. A client's request is never handed on: only
// fresh ones are, with an address and headers written here.

import * as v from "valibot";
import { CausewayError, ERRORS, type ErrorCode } from "../../shared/errors.ts";
import type { Env } from "../env.ts";

/** The address only has to be a URL: an object is reached by its binding. */
const OBJECT_ORIGIN = "https://object.internal";

const RefusalSchema = v.object({
  error: v.object({
    code: v.pipe(
      v.string(),
      v.check((code) => Object.hasOwn(ERRORS, code)),
    ),
  }),
});

export function statsObject(env: Env): ReturnType<Env["STATS"]["getByName"]> {
  return env.STATS.getByName("root");
}

export function relaysObject(env: Env): ReturnType<Env["RELAYS"]["getByName"]> {
  return env.RELAYS.getByName("root");
}

/**
 * Opens a WebSocket to an object on behalf of an authorised client.
 * @throws CausewayError the code with which the object refuses, else `object_unreachable`
 */
export async function openSocket(
  object: Pick<Fetcher, "fetch">,
  headers: Readonly<Record<string, string>> = {},
): Promise<WebSocket> {
  const response = await reach(object, { ...headers, Upgrade: "websocket" });
  if (response.webSocket) return response.webSocket;
  throw new CausewayError(await refusalCode(response));
}

/** Objects refuse with an error code in JSON, when they are full for instance. */
async function refusalCode(response: Response): Promise<ErrorCode> {
  const refusal = v.safeParse(RefusalSchema, await response.json().catch(() => undefined));
  return refusal.success ? (refusal.output.error.code as ErrorCode) : "object_unreachable";
}

/**
 * Makes sure that an object runs: any answer to a plain GET will do.
 * @throws CausewayError `object_unreachable`
 */
export async function probe(object: Pick<Fetcher, "fetch">): Promise<void> {
  const response = await reach(object, {});
  await response.body?.cancel();
}

async function reach(object: Pick<Fetcher, "fetch">, headers: Record<string, string>): Promise<Response> {
  try {
    return await object.fetch(`${OBJECT_ORIGIN}/`, { headers });
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
