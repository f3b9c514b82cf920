// The imports object: one for all data centres. It holds what was made of providers' lists and guides, in pages that isolates
// load on demand, and its alarm has those refreshed that are due, by way of an entrypoint that fetches and reads. A source
// that fails keeps what it had. Without imports and guides in the configuration it has no alarm and costs nothing.

import { DurableObject } from "cloudflare:workers";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { ListsState } from "../directory/live.ts";
import {
  type GuideState,
  isList,
  NO_GUIDE,
  nameOf,
  newSource,
  type RefreshOrder,
  type RefreshOutcome,
  type SourceKey,
  type SourcePlan,
  type SourceState,
} from "./source-state.ts";
import { type ListsMeta, ListsStore, type PageKey, type PageKind } from "./store.ts";

/** What the configuration asks for. */
export interface PlansReply {
  readonly epoch: number;
  readonly plans: SourcePlan[];
}

/** A guide with the generation that is in service. */
export interface MergeSource {
  readonly key: SourceKey;
  readonly gen: number;
}

/** The entrypoint's methods that this object calls. */
interface Runner {
  plans(known: number): Promise<PlansReply | null>;
  refresh(order: RefreshOrder, lists: Readonly<Record<string, number>>): Promise<RefreshOutcome>;
  merge(
    gen: number,
    guides: readonly MergeSource[],
    lists: Readonly<Record<string, number>>,
  ): Promise<GuideState>;
  publish(lists: ListsState): Promise<void>;
}

export class ImportsObject extends DurableObject<object> {
  readonly #store: ListsStore;
  #meta: ListsMeta;
  /** An epoch that somebody has spoken of since the directory was asked last; 0: none. */
  #heardOf = 0;
  /** What the directory was told last; undefined: unknown to this instance. */
  #published: string | undefined;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#store = new ListsStore(ctx.storage);
    this.#meta = this.#store.meta();
  }

  get #runner(): Runner {
    return (this.ctx.exports as unknown as { readonly ListRunner: Runner }).ListRunner;
  }

  /** There is a configuration of this epoch, if not a newer one. Whoever tells it twice mends a lost alarm. */
  async follow(epoch: number): Promise<void> {
    if (epoch <= this.#meta.epoch) return this.#rearm();
    this.#heardOf = Math.max(this.#heardOf, epoch);
    await this.ctx.storage.setAlarm(Date.now());
  }

  /** All sources in the configuration's order, and the merged guide. */
  async list(): Promise<{ sources: SourceState[]; guide: GuideState }> {
    return { sources: this.#store.sources(), guide: this.#meta.guide };
  }

  /** Has the import of that name with its guide, or the guide of that name, refreshed now; false: there is none. */
  async refresh(name: string): Promise<boolean> {
    const named = this.#store.sources().filter(({ key }) => nameOf(key) === name);
    for (const state of named) this.#store.save({ ...state, next_at: Date.now() });
    if (named.length > 0) await this.ctx.storage.setAlarm(Date.now());
    return named.length > 0;
  }

  /** The merged guide that is in service. */
  async guide(): Promise<GuideState> {
    return this.#meta.guide;
  }

  /** A page of text; null: that generation is gone. */
  async text(key: PageKey, gen: number, kind: PageKind, n: number): Promise<string | null> {
    return this.#store.text(key, gen, kind, n) ?? null;
  }

  /** A page of bytes; null: that generation is gone. */
  async bytes(key: PageKey, gen: number, kind: PageKind, n: number): Promise<Uint8Array | null> {
    return this.#store.bytes(key, gen, kind, n) ?? null;
  }

  /** How many pages of that kind there are. */
  async pages(key: PageKey, gen: number, kind: PageKind): Promise<number> {
    return this.#store.count(key, gen, kind);
  }

  /** One channel's sealed record by its place in the table of ids; null: that generation is gone. */
  async record(name: string, gen: number, place: number, id: string): Promise<string | null> {
    const page = this.#store.text(`list:${name}`, gen, "record", Math.floor(place / LIMITS.RECORDS_PER_ROW));
    if (page === undefined) return null;
    const record = (JSON.parse(page) as Record<string, unknown>)[id];
    return record === undefined ? null : JSON.stringify(record);
  }

  /** Keeps a page of a generation that is being made. */
  async stage(
    key: PageKey,
    gen: number,
    kind: PageKind,
    n: number,
    body: string | Uint8Array,
  ): Promise<void> {
    this.#store.put(key, gen, kind, n, body);
  }

  /** Rejects never: the runtime gives an alarm up after a few failures, and the refreshing would end for good. */
  override async alarm(): Promise<void> {
    let failed = false;
    try {
      await this.#reread();
      await this.#round();
      await this.#merge();
      await this.#publish();
    } catch {
      // What failed is tried again with the next alarm; what was made before stands until then.
      failed = true;
    }
    await this.#schedule(failed);
  }

  /** Takes over the configuration's sources if it is another one; if it cannot be read, the last one serves on. */
  async #reread(): Promise<void> {
    const heardOf = this.#heardOf;
    const reply = await this.#runner.plans(this.#meta.epoch);
    if (this.#heardOf === heardOf) this.#heardOf = 0;
    if (reply === null) return;
    const now = Date.now();
    const before = new Map(this.#store.sources().map((state) => [state.key, state]));
    const states = reply.plans.map((plan) => adopted(plan, before.get(plan.key), now));
    this.#store.replaceSources(states);
    // Channels may be called otherwise, others be listed, and guides stand in another order.
    this.#saveMeta({
      epoch: reply.epoch,
      outdated: states.some(({ key }) => !isList(key)) || this.#meta.guide.gen > 0,
    });
  }

  /** Refreshes what is due: lists first, because guides are chosen for what they list. */
  async #round(): Promise<void> {
    const until = Date.now() + LIMITS.ROUND_MS;
    const keys = this.#store.sources().map(({ key }) => key);
    for (const key of [...keys.filter(isList), ...keys.filter((key) => !isList(key))]) {
      const state = this.#store.source(key);
      if (state === undefined || (dueAt(state, Date.now()) > Date.now() && !state.check)) continue;
      await this.#refresh(state);
      if (Date.now() > until) return;
    }
  }

  async #refresh(state: SourceState): Promise<void> {
    const now = Date.now();
    const due = dueAt(state, now) <= now;
    const gen = Math.max(state.gen + 1, now);
    const { key, etag, modified, fingerprint } = state;
    const order = { key, gen, due, etag, modified, fingerprint };
    const outcome = await this.#runner
      .refresh(order, this.#generations())
      .catch((): RefreshOutcome => ({ type: "failed", code: "internal" }));
    // A push in the meantime may have taken the source away, and a person asked for another refresh.
    const current = this.#store.source(key);
    if (current === undefined) return;
    this.#store.save(afterwards(current, outcome, { gen, due, startedAt: now }));
    this.#store.keepOnly(key, outcome.type === "new" ? [gen, state.gen] : [state.gen]);
    if (outcome.type !== "new") return;
    this.#saveMeta({ outdated: true });
    if (!isList(key)) return;
    for (const other of this.#store.sources())
      if (!isList(other.key)) this.#store.save({ ...other, check: true });
    await this.#publish();
  }

  async #merge(): Promise<void> {
    if (!this.#meta.outdated) return;
    const guides = this.#store.sources().filter(({ key, gen }) => !isList(key) && gen > 0);
    const before = this.#meta.guide;
    const gen = Math.max(before.gen + 1, Date.now());
    const sources = guides.map((state) => ({ key: state.key, gen: state.gen }));
    const guide =
      guides.length === 0 ? NO_GUIDE : await this.#runner.merge(gen, sources, this.#generations());
    this.#saveMeta({ guide, outdated: false });
    this.#store.keepOnly("merged", [guide.gen, before.gen]);
  }

  /** Which generation of each list is in service. */
  #generations(): Record<string, number> {
    const lists = this.#store.sources().filter(({ key, gen }) => isList(key) && gen > 0);
    return Object.fromEntries(lists.map(({ key, gen }) => [nameOf(key), gen]));
  }

  /** Tells isolates, by way of the directory, the whole state, so that a lost message is mended by the next. */
  async #publish(): Promise<void> {
    const state = { imports: this.#generations(), guide: this.#meta.guide.gen };
    const text = JSON.stringify(state);
    if (text === this.#published) return;
    this.#published = undefined;
    await this.#runner.publish(state);
    this.#published = text;
  }

  #saveMeta(change: Partial<ListsMeta>): void {
    this.#meta = { ...this.#meta, ...change };
    this.#store.saveMeta(this.#meta);
  }

  async #rearm(): Promise<void> {
    const now = Date.now();
    const sources = this.#store.sources();
    if (sources.length === 0) return;
    const at = await this.ctx.storage.getAlarm();
    const latest = now + Math.max(LIMITS.ALARM_RETRY_MS, ...sources.map(({ every }) => every));
    if (at === null || at > latest) await this.ctx.storage.setAlarm(now);
  }

  async #schedule(failed: boolean): Promise<void> {
    const now = Date.now();
    const times = this.#store.sources().map((state) => (state.check ? now : dueAt(state, now)));
    const isPending = this.#heardOf > this.#meta.epoch || this.#published === undefined;
    if (failed || isPending) times.push(now);
    const pause = failed ? LIMITS.ALARM_RETRY_MS : LIMITS.ALARM_PAUSE_MS;
    if (times.length === 0) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Math.max(now + pause, Math.min(...times)));
  }
}

/** A time that lies further ahead than any pause was made by a clock that went back since. */
function dueAt({ next_at, every }: SourceState, now: number): number {
  return next_at > now + Math.max(every, LIMITS.RETRY_MIN_MS) ? now : next_at;
}

/** A source as the configuration now has it: another address or other rules have it fetched anew. */
function adopted(plan: SourcePlan, before: SourceState | undefined, now: number): SourceState {
  if (before === undefined) return newSource(plan, now);
  if (before.digest !== plan.digest)
    return { ...before, ...plan, next_at: now, etag: "", modified: "", fingerprint: "" };
  const next_at = Math.min(before.next_at, now + plan.every);
  return { ...before, ...plan, next_at, check: !isList(plan.key) && before.gen > 0 };
}

/** The source's state after an attempt. */
function afterwards(
  state: SourceState,
  outcome: RefreshOutcome,
  { gen, due, startedAt }: { gen: number; due: boolean; startedAt: number },
): SourceState {
  const now = Date.now();
  // Somebody asked for another refresh, or pushed other rules, while this one ran.
  const isOverdue = due ? state.next_at > startedAt && state.next_at <= now : false;
  const next_at = due && !isOverdue ? now + state.every : state.next_at;
  const done = { ...state, check: false, next_at };
  if (outcome.type === "skipped") return done;
  const tried = { ...done, tried_at: now };
  if (outcome.type === "failed") {
    const failures = Math.min(state.failures + 1, 30);
    const pause = Math.min(
      LIMITS.RETRY_MIN_MS * 2 ** (failures - 1),
      Math.max(state.every, LIMITS.RETRY_MIN_MS),
    );
    return { ...tried, failures, error: outcome.code, next_at: now + pause };
  }
  const good = { ...tried, failures: 0, error: "", refreshed_at: now };
  return outcome.type === "same" ? good : { ...good, ...outcome.made, gen, changed_at: now };
}
