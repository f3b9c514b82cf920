// The stats object: merges batches of isolates and relays, keeps totals durable and shows them to dashboards.
// It puts together the aggregate (what is counted), the store (what is durable) and the viewers (who watches).

import { DurableObject } from "cloudflare:workers";
import { ERRORS } from "../../shared/errors.ts";
import { Aggregate, type Change, hasMissing } from "../../shared/flow/aggregate.ts";
import type { Batch, BatchReply, News } from "../../shared/flow/batch.ts";
import type { TunnelReport } from "../../shared/flow/link.ts";
import type { QuotaNews } from "../../shared/flow/quota.ts";
import type { LinkSnapshot, Snapshot } from "../../shared/flow/snapshot.ts";
import { STATS_LIMITS } from "../../shared/limits.ts";
import { Closings } from "./closings.ts";
import { answerClose } from "./socket.ts";
import { StatsStore } from "./store.ts";
import { Viewers } from "./viewers.ts";

/** When the next snapshot is due: as soon as one more step of the series is whole. */
export function nextSnapshotAt(now: number): number {
  const { SNAPSHOT_INTERVAL_MS: interval, SERIES_SETTLE_MS: settle } = STATS_LIMITS;
  return now - ((now - settle) % interval) + interval;
}

/** What became of an order to close a connection; a relay's is for the relay to close. */
export type ClosingOutcome =
  | { readonly is: "closed" | "open" | "unknown" | "refused" }
  | { readonly is: "relayed"; readonly relay: string };

/** The binding that this object needs, as it needs it. */
interface StatsEnv {
  readonly RELAYS: { getByName(name: string): { connected(): Promise<string[]> } };
}

/** The relay that a source belongs to: a relay's is NAME/ID, an isolate's has no slash. */
function relayOf(source: string): string | undefined {
  const slash = source.indexOf("/");
  return slash < 0 ? undefined : source.slice(0, slash);
}

export class Stats extends DurableObject<StatsEnv> {
  readonly #store: StatsStore;
  readonly #aggregate: Aggregate;
  readonly #links: Map<string, LinkSnapshot>;
  readonly #viewers: Viewers;
  readonly #closings = new Closings();
  #sweptAt: number;
  /** A source may have ended with flows open: then it is given up, whether or not anybody asks. */
  #missingUntil: number | undefined;

  constructor(ctx: DurableObjectState, env: StatsEnv) {
    super(ctx, env);
    const now = Date.now();
    this.#store = new StatsStore(ctx.storage);
    const state = this.#store.load(now);
    this.#missingUntil = hasMissing(state.sources, now) ? this.#store.graceUntil(now) : undefined;
    this.#aggregate = new Aggregate(state, now, this.#missingUntil);
    this.#links = new Map(this.#store.links().map((link) => [link.name, link]));
    this.#viewers = new Viewers(ctx);
    this.#sweptAt = now;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    void ctx.blockConcurrencyWhile(() => this.#armAlarm());
    if ([...this.#links.values()].some((link) => link.connected)) ctx.waitUntil(this.#confirmLinks());
  }

  /**
   * Merges a batch once; the reply leaves only after it is durable. An isolate names the list of used-up quotas that it
   * knows by `seen`, 0 for none, and gets the newest one with the reply if that is another.
   */
  async ingest(batch: Batch, seen?: number): Promise<BatchReply> {
    const now = Date.now();
    const stored = this.#aggregate.knows(batch.source) ? undefined : this.#store.source(batch.source);
    const merged = this.#durably(() => {
      const change = this.#aggregate.merge(batch, now, stored);
      if (change) this.#store.merged(change, this.#aggregate.knows(batch.source));
      return change !== undefined;
    });
    if (merged) this.#viewers.announce(batch, now);
    this.#sweep(now);
    this.#closings.heard(batch);
    return { ack: batch.seq, ...this.#newsFor(batch.source, seen, now) };
  }

  /** What an isolate with nothing to report has to know: it asks while flows are open there. */
  async news(source: string, seen: number): Promise<News> {
    return this.#newsFor(source, seen, Date.now());
  }

  #newsFor(source: string, seen: number | undefined, now: number): News {
    const quotas = seen === undefined ? undefined : this.#aggregate.quotaNews(seen, now);
    const cut = this.#closings.of(source);
    return { ...(quotas && { quotas }), ...(cut && { cut }) };
  }

  /** Closes a connection that is listed as open. An isolate's has ended when this resolves to "closed". */
  async closeConnection(id: string): Promise<ClosingOutcome> {
    const source = this.#aggregate.holderOf(id);
    if (source === undefined) return { is: "unknown" };
    const relay = relayOf(source);
    if (relay !== undefined) return { is: "relayed", relay };
    const closed = this.#closings.order(id, source);
    if (closed === undefined) return { is: "refused" };
    return { is: (await closed) ? "closed" : "open" };
  }

  /** The services that are over their quota; undefined when `seen` is the newest list. */
  async quotaNews(seen: number): Promise<QuotaNews | undefined> {
    return this.#aggregate.quotaNews(seen, Date.now());
  }

  async snapshot(): Promise<Snapshot> {
    return this.#snapshot(Date.now());
  }

  /** Takes over what is known of a relay's control link; `source` is what the relay reports as from now on. */
  async setLink(link: LinkSnapshot, source?: string): Promise<void> {
    const { tunnels } = this.#links.get(link.name) ?? {};
    this.#links.set(
      link.name,
      link.connected && source === undefined && tunnels ? { ...link, tunnels } : link,
    );
    this.#store.setLink(link);
    // A relay that comes back as another source was restarted: its former connections need no half minute to be missed.
    if (source !== undefined) this.#forget(() => this.#aggregate.succeed(`${link.name}/`, source));
  }

  /** The sessions of a relay's UDP tunnels; in memory only, since they are told again. */
  async setTunnels(name: string, tunnels: TunnelReport[]): Promise<void> {
    const link = this.#links.get(name);
    if (link?.connected) this.#links.set(name, { ...link, tunnels });
  }

  /** Takes the WebSocket upgrade of a dashboard that was authorised before. */
  override async fetch(request: Request): Promise<Response> {
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket")
      return new Response(null, { status: 426, headers: { Upgrade: "websocket" } });
    if (this.#viewers.held >= STATS_LIMITS.VIEWERS_MAX) {
      const code = "too_many_viewers";
      const error = { code, message: ERRORS[code].text };
      return Response.json({ error }, { status: ERRORS[code].status, headers: { "Retry-After": "5" } });
    }
    const response = this.#viewers.accept(request, this.#snapshot(Date.now()));
    await this.#armAlarm();
    return response;
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    if (this.#missingUntil !== undefined && now >= this.#missingUntil) {
      this.#missingUntil = undefined;
      this.#forget(() => this.#aggregate.sweep(now));
    }
    if (this.#viewers.count === 0) return this.#armAlarm();
    await this.ctx.storage.setAlarm(nextSnapshotAt(now));
    this.#viewers.broadcast(this.#snapshot(now));
  }

  /** Dashboards have nothing to say but pings, which never arrive here. */
  override async webSocketMessage(socket: WebSocket): Promise<void> {
    socket.close(1008, "unexpected_message");
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    answerClose(socket, code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    socket.close(1011, "socket_error");
  }

  #snapshot(now: number): Snapshot {
    this.#sweep(now);
    const links = [...this.#links.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#aggregate.snapshot(now, links);
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < STATS_LIMITS.SNAPSHOT_INTERVAL_MS) return;
    this.#sweptAt = now;
    this.#forget(() => this.#aggregate.sweep(now));
  }

  #forget(choose: () => Change[]): void {
    this.#durably(() => {
      const changes = choose();
      if (changes.length > 0) this.#store.forgotten(changes);
    });
  }

  /** Runs a change of memory and store. Should storing fail, memory is thrown away: it must not run ahead. */
  #durably<T>(change: () => T): T {
    const lost = this.#aggregate.lostSources;
    try {
      const result = change();
      if (this.#aggregate.lostSources !== lost) this.#store.setLostSources(this.#aggregate.lostSources);
      return result;
    } catch (error) {
      this.ctx.abort("Cannot store statistics");
      throw error;
    }
  }

  async #armAlarm(): Promise<void> {
    const next = this.#viewers.count > 0 ? nextSnapshotAt(Date.now()) : this.#missingUntil;
    if (next === undefined) return;
    const due = await this.ctx.storage.getAlarm();
    // One that is further off was set before the clock was set back.
    if (due === null || due > next) await this.ctx.storage.setAlarm(next);
  }

  /** A link that broke with the whole edge closed without a word: asks who is really there. */
  async #confirmLinks(): Promise<void> {
    const doubtful = [...this.#links.values()].filter((link) => link.connected);
    const connected = new Set(await this.env.RELAYS.getByName("root").connected());
    for (const link of doubtful) {
      const changed = this.#links.get(link.name) !== link;
      if (changed || connected.has(link.name)) continue;
      await this.setLink({ ...link, connected: false, since: Date.now() });
    }
  }
}
