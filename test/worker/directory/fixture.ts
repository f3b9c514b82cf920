// A deployment for the tests of this folder: the real object, a root key, and ways to break or count calls.

import { env } from "cloudflare:workers";
import type { Env } from "../../../worker/env.ts";

const ROOT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
export const OTHER_ROOT_KEY = "__________________________________________8";

/** The bindings these tests need. Each test file has storage of its own. */
export function testEnv(overrides: Partial<Env> = {}): Env {
  return { ...(env as unknown as Env), ROOT_KEY, ...overrides };
}

/** The same objects, with `answer` in front of every call. */
export function tappedEnv(answer: (call: () => Promise<Response>, url: string) => Promise<Response>): Env {
  const real = testEnv().DIRECTORY;
  const tapped = {
    idFromName: (name: string) => real.idFromName(name),
    get(id: DurableObjectId) {
      const stub = real.get(id);
      return { fetch: (request: Request) => answer(() => stub.fetch(request), request.url) };
    },
  };
  return testEnv({ DIRECTORY: tapped as unknown as DurableObjectNamespace });
}

export function context(): Pick<ExecutionContext, "waitUntil"> {
  return { waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined) };
}

export function hostDocument(host: string, rest: Record<string, unknown> = {}): Record<string, unknown> {
  return { hosts: [{ host, upstreams: ["http://127.0.0.1:1"] }], ...rest };
}

export function channel(id: string, source = `https://origin.test/${id}.m3u8`): Record<string, unknown> {
  return { id, name: `Kanal ${id} ☃`, sources: [source] };
}
