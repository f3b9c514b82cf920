// The object of one channel: what isolates must agree on. It coordinates and never fetches; each part keeps its own table
// and does nothing until it is asked. Channels with one source and none of the features below never call it.

import { DurableObject } from "cloudflare:workers";
import { FAILOVER_LIMITS as LIMITS } from "../../../shared/limits.ts";
import type { AudienceNews, SeatVerdict } from "../../../shared/viewers/session-table.ts";
import { type SourceReply, type SourceReport, StoredFailover } from "./failover-store.ts";
import { type LeaseReply, type LeaseReport, type LeaseRequest, LeaseTable } from "./leases.ts";
import { StoredAudience } from "./viewers.ts";

const ASKED_AT = "asked_at";

export class ChannelObject extends DurableObject {
  #failover: StoredFailover;
  #audience: StoredAudience;
  /** Nothing of it is stored: leases last seconds. */
  readonly #leases = new LeaseTable();
  #askedAt = 0;
  #notedAt = 0;
  #isArmed = false;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#failover = new StoredFailover(ctx.storage);
    this.#audience = new StoredAudience(ctx.storage);
  }

  /** Takes what an isolate has seen of the sources, and says which one is in use and how it is numbered. */
  async sources(news: SourceReport): Promise<SourceReply> {
    const now = await this.#touch();
    return this.#failover.report(news, now);
  }

  /** Takes what an isolate knows of who watches, and says who may; an object named "viewer/NAME" counts a subscriber's. */
  async audience(news: AudienceNews): Promise<SeatVerdict[]> {
    const now = await this.#touch();
    return this.#audience.report(news, now);
  }

  /** Grants the fetch of a resource, or waits for somebody else's and answers with what came of it. */
  async lease(request: LeaseRequest): Promise<LeaseReply> {
    return this.#leases.ask(request, Date.now);
  }

  /** Takes what came of a fetch that was granted. */
  async report(report: LeaseReport): Promise<void> {
    this.#leases.report(report, Date.now());
  }

  /** Forgets everything once nobody has asked for long: an object without storage costs nothing. */
  override async alarm(): Promise<void> {
    this.#isArmed = false;
    const askedAt = Math.max(this.#askedAt, (await this.ctx.storage.get<number>(ASKED_AT)) ?? 0);
    if (Date.now() - askedAt < LIMITS.LAPSE_MS) {
      await this.#arm();
      return;
    }
    this.#notedAt = 0;
    await this.ctx.storage.deleteAll();
    this.#failover = new StoredFailover(this.ctx.storage);
    this.#audience = new StoredAudience(this.ctx.storage);
  }

  /** When it was asked last is written down now and then: an alarm may find an instance that knows nothing of it. */
  async #touch(): Promise<number> {
    const now = Date.now();
    this.#askedAt = now;
    if (now - this.#notedAt >= LIMITS.LAPSE_MS / 24) {
      this.#notedAt = now;
      await this.ctx.storage.put(ASKED_AT, now);
    }
    await this.#arm();
    return now;
  }

  async #arm(): Promise<void> {
    if (this.#isArmed) return;
    this.#isArmed = true;
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + LIMITS.LAPSE_MS);
  }
}
