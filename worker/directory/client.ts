// The configuration as the Worker uses it: a snapshot per isolate that is never older than about 5 s while the directory
// answers, and stays in service when it does not.

import type { Env } from "../env.ts";
import type { DirectoryCalls } from "./calls.ts";
import { type ConfigSnapshot, IsolateConfig, type Waiter } from "./isolate.ts";

export type { ConfigSnapshot } from "./isolate.ts";

const isolate = new IsolateConfig();

/**
 * The current configuration. At most one object call per isolate and 2 s, and usually one per data centre; none of it
 * on the way of a request unless the isolate has slept.
 * @throws CausewayError `config_unavailable` when nothing was pushed yet, or the directory fails and nothing is known
 */
export function currentConfig(env: Env, ctx: Waiter): Promise<ConfigSnapshot> {
  return isolate.current(env, ctx);
}

/** The current configuration where nobody has to be asked for it, as for nearly all requests: they need not wait for a promise. */
export function freshConfig(): ConfigSnapshot | undefined {
  return isolate.fresh();
}

/** The directory object. A version stored through it is current in this isolate at once, elsewhere within 5 s. */
export function directory(env: Env): DirectoryCalls {
  return isolate.directory(env);
}
