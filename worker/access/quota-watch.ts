// Quotas in bytes per period at the edge: which services are over comes from the stats object, with each report of this
// isolate, or on request where the isolate has been quiet. An isolate never adds up by itself: the sum is all isolates'.

import type { OverQuota, QuotaNews } from "../../shared/flow/quota.ts";
import { QUOTA_LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "../directory/deadline.ts";
import type { Env } from "../env.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { termsOf } from "./service.ts";

/** What one isolate knows of the services that are over their quota. */
export class QuotaWatch {
  readonly #asking = new OneAtATime(QUOTA_LIMITS.ASK_DEADLINE_MS);
  #version = 0;
  #over = new Map<string, OverQuota>();
  #knownAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  /** The version of the list that is known; 0: none. */
  get seen(): number {
    return this.#version;
  }

  /** True while no service is known to be over. */
  get empty(): boolean {
    return this.#over.size === 0;
  }

  /** The stats object has answered what was asked at `askedAt`; without news the known list is the newest one. */
  learn(news: QuotaNews | undefined, askedAt: number): void {
    this.#knownAt = Math.max(this.#knownAt, askedAt);
    if (news === undefined) return;
    this.#version = news.version;
    this.#over = new Map(news.over.map((over) => [over.service, over]));
  }

  /**
   * When a service that is over may go on; undefined when it is not over by the terms it has here, unless it is by those of
   * a later configuration.
   */
  overUntil(service: string, now: number): number | undefined {
    const over = this.#over.get(service);
    if (over === undefined || over.until <= now) return undefined;
    const { quota, epoch = 0 } = termsOf(service, "http") ?? {};
    if (over.epoch > epoch) return over.until;
    return quota?.limit === over.limit && quota.period === over.period ? over.until : undefined;
  }

  /** Whether what is known is too old to serve by. After a failure it is not asked again for a while. */
  isStale(now: number): boolean {
    return now - this.#knownAt >= QUOTA_LIMITS.FRESH_MS && now - this.#failedAt >= QUOTA_LIMITS.RETRY_MS;
  }

  /** Asks the stats object. Never rejects: without an answer hosts are served by what is known. */
  ask(env: Env, ctx: ExecutionContext): Promise<void> {
    return this.#asking.run(ctx, async () => {
      const askedAt = Date.now();
      try {
        const asked = env.STATS.getByName("root").quotaNews(this.#version);
        const news = await withDeadline(asked, QUOTA_LIMITS.ASK_DEADLINE_MS);
        this.learn(news as QuotaNews | undefined, askedAt);
      } catch {
        this.#failedAt = Date.now();
      }
    });
  }
}

const isolate = new QuotaWatch();

/** The one watch of this isolate. */
export function quotaWatch(): QuotaWatch {
  return isolate;
}
