// Liveness and readiness. /health says that this Worker runs and asks nobody. /ready says whether it can do its work:
// a configuration is loaded and every object answers. What exactly is wrong is told to token holders only.

import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { type ConfigSnapshot, currentConfig, directory } from "../directory/client.ts";
import { authorise } from "./access.ts";
import { type ControlExchange, configIfAny } from "./exchange.ts";
import { probe, relaysObject, statsObject } from "./objects.ts";
import { json } from "./reply.ts";

interface Readiness {
  readonly ready: boolean;
  /** The version of the loaded configuration. */
  readonly config_version: number | undefined;
  /** The version pushed last, if this release cannot read it: an older one is in service until the next push. */
  readonly config_unreadable: number | undefined;
  /** "ok" or an error code. */
  readonly checks: Readonly<Record<"config" | "directory" | "stats" | "relays", string>>;
}

let latest: { at: number; readiness: Readiness } | undefined;

/** GET /health: 200 while the Worker runs. */
export function health(x: ControlExchange): Response {
  return json(x, { status: "ok" });
}

/** GET /ready: 200 or 503; with a token, what was checked. */
export async function ready(x: ControlExchange): Promise<Response> {
  const detailed = await wantsDetail(x);
  const readiness = detailed ? await check(x) : await recentReadiness(x);
  const status = readiness.ready ? 200 : 503;
  const headers = readiness.ready ? {} : { "Retry-After": String(CONTROL_LIMITS.RETRY_AFTER_S) };
  return json(x, detailed ? readiness : { ready: readiness.ready }, { status, headers });
}

async function recentReadiness(x: ControlExchange): Promise<Readiness> {
  if (latest) {
    const reuseMs = latest.readiness.ready ? CONTROL_LIMITS.READY_REUSE_MS : CONTROL_LIMITS.UNREADY_REUSE_MS;
    if (Math.abs(x.startedAt - latest.at) < reuseMs) return latest.readiness;
  }
  const readiness = await check(x);
  latest = { at: x.startedAt, readiness };
  return readiness;
}

/** Probes ask without credentials and get the short answer; credentials that are shown must be good. */
async function wantsDetail(x: ControlExchange): Promise<boolean> {
  if (!x.request.headers.has("authorization") && !x.request.headers.has("cookie")) return false;
  try {
    await authorise(x, await configIfAny(x), "viewer");
    return true;
  } catch (thrown) {
    if (x.request.headers.has("authorization")) throw thrown;
    return false;
  }
}

async function check(x: ControlExchange): Promise<Readiness> {
  let loaded: ConfigSnapshot | undefined;
  const [config, directoryState, stats, relays] = await Promise.all([
    outcome(
      currentConfig(x.env, x.ctx).then((snapshot) => {
        loaded = snapshot;
      }),
    ),
    outcome(directory(x.env).version()),
    outcome(probe(statsObject(x.env))),
    outcome(probe(relaysObject(x.env))),
  ]);
  const checks = { config, directory: directoryState, stats, relays };
  const isReady = Object.values(checks).every((state) => state === "ok");
  const { version, unreadable } = loaded ?? {};
  return { ready: isReady, config_version: version, config_unreadable: unreadable, checks };
}

/** "ok", or the code of what went wrong; an answer that takes too long counts as none. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await Promise.race([work, expiry()]);
    return "ok";
  } catch (thrown) {
    return thrown instanceof CausewayError ? thrown.code : "object_unreachable";
  }
}

async function expiry(): Promise<never> {
  await scheduler.wait(CONTROL_LIMITS.READY_TIMEOUT_MS);
  throw new CausewayError("object_unreachable");
}
