// The hands of the health object: an entrypoint of the Worker that fetches for it, because all fetches of one object share
// six connections, and that speaks with the directory for it. Called by the object only, through ctx.exports.

import { WorkerEntrypoint } from "cloudflare:workers";
import type { HealthCheck } from "../../shared/config/health-checks.ts";
import { currentConfig, directory } from "../directory/client.ts";
import type { ChecksReply } from "../directory/object.ts";
import type { Env } from "../env.ts";
import { originFetch } from "../network.ts";
import { probe } from "./probe.ts";
import type { CheckResult } from "./table.ts";

export class HealthChecker extends WorkerEntrypoint<Env> {
  /** The checks of the configuration in service; null where its epoch is still `known`. */
  async checks(known: number): Promise<ChecksReply | null> {
    const calls = directory(this.env);
    const { epoch } = await calls.version();
    return epoch === known ? null : calls.checks();
  }

  /**
   * Makes a few checks at a time: as many as one invocation has connections. Those through relays give no result while
   * this isolate does not know the configuration of `epoch`, and so perhaps not their relay.
   */
  async run(checks: readonly HealthCheck[], epoch: number): Promise<CheckResult[]> {
    const send = originFetch(this.env);
    const direct = checks.filter(({ via }) => via === "direct");
    if (direct.length === checks.length)
      return Promise.all(direct.map((check) => probe(check, undefined, send)));
    const config = await currentConfig(this.env, this.ctx);
    const able = config.epoch < epoch ? direct : checks;
    return Promise.all(able.map((check) => probe(check, config, send)));
  }

  /** Tells every isolate, through the directory, which checks find their upstream down. */
  async report(down: readonly string[]): Promise<void> {
    await directory(this.env).down(down);
  }
}
