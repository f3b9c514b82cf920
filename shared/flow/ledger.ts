// The ledger of one source: opens and closes flows, and seals what happened since into numbered batches.
// At most one batch is under way; until it is acknowledged everything new adds up in constant space, so a stats object
// that is away for an hour costs no memory and loses nothing. Pure: time comes in as an argument.

import { FLOW_LIMITS, STATS_LIMITS } from "../limits.ts";
import { type Account, countError, isQuiet, newAccount, takeDelta } from "./account.ts";
import { AudiencePlaces } from "./audience.ts";
import type { Batch, ServiceDelta } from "./batch.ts";
import { ChannelTally } from "./channel.ts";
import {
  type ClosedFlowRecord,
  type CloseReason,
  type Flow,
  type FlowInit,
  type FlowKind,
  type FlowRecord,
  toFlowRecord,
} from "./flow.ts";
import type { ServiceTerms } from "./quota.ts";
import { TrackedFlow } from "./tracked-flow.ts";

export interface LedgerOptions {
  /** Random id of this life of the source, at most 64 characters. */
  source: string;
  origin: "edge" | "relay";
  name: string;
}

/** Which numbers the flows of a ledger get: others number theirs in between. */
export interface FlowNumbers {
  readonly first: number;
  readonly step: number;
}

/** The terms of a service, as the configuration has them now. */
export type TermsOf = (service: string, kind: FlowKind) => ServiceTerms | undefined;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #termsOf: TermsOf;
  readonly #accounts = new Map<string, Account>();
  readonly #open = new Set<TrackedFlow>();
  /** Recorded when sealed: where a flow goes may be known only after it has opened. */
  #opened: TrackedFlow[] = [];
  #closed: ClosedFlowRecord[] = [];
  #eventsDropped = 0;
  #nextFlow: number;
  readonly #step: number;
  #seq = 0;
  #sealedAt = 0;
  /** When flows were last looked at for what they moved. */
  #settledAt = 0;
  /** Nothing in the next batch happened before this; undefined: within the last interval. */
  #countedFrom: number | undefined;
  #viewers = new AudiencePlaces(STATS_LIMITS.VIEWERS_HELD_MAX);
  #pending: Batch | undefined;
  #dirty = false;

  constructor(
    options: LedgerOptions,
    termsOf: TermsOf = () => undefined,
    { first, step }: FlowNumbers = { first: 1, step: 1 },
  ) {
    this.#options = options;
    this.#termsOf = termsOf;
    this.#nextFlow = first;
    this.#step = step;
  }

  /**
   * The counters of a service; new services past the bound share the one named "other", but for those with terms: their
   * bytes decide about them, and a configuration holds only so many.
   */
  #account(service: string, kind: FlowKind): Account {
    const key = `${kind} ${service}`;
    const known = this.#accounts.get(key);
    if (known) return known;
    const isFull = this.#accounts.size >= FLOW_LIMITS.SERVICES_MAX && service !== "other";
    if (isFull && this.#termsOf(service, kind)?.quota === undefined) return this.#account("other", kind);
    const account = newAccount(service.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX), kind);
    this.#accounts.set(key, account);
    return account;
  }

  /** Begins a flow. What is added to its bytes and messages counts until it is closed. `number`: it was numbered elsewhere. */
  open(init: FlowInit, number: number = this.#takeNumber()): Flow {
    const account = this.#account(init.service, init.kind);
    const flow = new TrackedFlow(this.#options.source, number, account, init);
    account.delta.requests++;
    account.active++;
    this.#open.add(flow);
    this.#dirty = true;
    this.#countedFrom ??= init.startedAt;
    if (init.kind !== "http" && init.kind !== "hls") this.#list(flow);
    return flow;
  }

  /** Ends a flow; ending it again changes nothing. `code` says why it was refused. */
  close(flow: Flow, reason: CloseReason, now: number, code?: string): void {
    const tracked = flow as TrackedFlow;
    if (!tracked.open) return;
    tracked.open = false;
    tracked.settle();
    this.#noteViewer(tracked);
    tracked.account.active--;
    if (reason === "refused") countError(tracked.account, code);
    else if (reason === "aborted" || reason === "failed") tracked.account.delta.aborted++;
    this.#open.delete(tracked);
    this.#dirty = true;
    if (!tracked.listed) return;
    if (this.#closed.length >= FLOW_LIMITS.EVENTS_MAX) this.#eventsDropped++;
    else this.#closed.push({ ...toFlowRecord(tracked), ended_at: now, reason });
  }

  /** Counts a request that was refused, for the reason `code`, before it became a flow. */
  refuse(service: string, kind: FlowKind, code?: string): void {
    const account = this.#account(service, kind);
    account.delta.requests++;
    countError(account, code);
    this.#dirty = true;
  }

  /** Has the open flows for which `isOver` holds broken off, as over their quota. */
  cut(isOver: (flow: Flow) => boolean): void {
    for (const flow of this.#open) if (!flow.cut && isOver(flow)) flow.breakOff("quota");
  }

  /** Has the open flow of this id broken off by order. Undefined: there is none. */
  cutById(id: string): Flow | undefined {
    for (const flow of this.#open) {
      if (flow.id !== id) continue;
      flow.breakOff("order");
      return flow;
    }
    return undefined;
  }

  /** The open flows, the longest open first; what they moved is as of now. */
  *records(): Generator<FlowRecord> {
    for (const flow of this.#open) yield toFlowRecord(flow);
  }

  /** Counts whether a reply came from a cache. */
  count(service: string, kind: FlowKind, name: "hits" | "misses"): void {
    this.#account(service, kind).delta[name]++;
    this.#dirty = true;
  }

  /** Where to count what only channels have; to be asked for each time, because each batch begins a new one. */
  channel(service: string): ChannelTally {
    this.#dirty = true;
    return this.#tallyOf(this.#account(service, "hls"));
  }

  #tallyOf(account: Account): ChannelTally {
    account.channel ??= new ChannelTally(this.#viewers);
    return account.channel;
  }

  /** Its id in batches. */
  get source(): string {
    return this.#options.source;
  }

  /** Flows open now. */
  get active(): number {
    return this.#open.size;
  }

  /** True while something is unreported: counted since the last batch, open, or sealed and not acknowledged. */
  get unreported(): boolean {
    return this.#dirty || this.#pending !== undefined || this.#open.size > 0;
  }

  /** Makes the next `seal` yield a batch although nothing happened: the other side may have forgotten the open flows. */
  refresh(): void {
    this.#dirty ||= this.#open.size > 0;
  }

  /**
   * The batch to send now: the unacknowledged one again, or a new one; undefined when there is nothing to say. Flows
   * that are open but idle are said at each heartbeat only. `last` always yields a batch, though if one is under way,
   * it is that one, without its `last` set.
   */
  seal(now: number, last = false): Batch | undefined {
    if (this.#pending) return this.#pending;
    this.#settleAll(now);
    // Either way: a clock that was set back must not silence the ledger until it has caught up.
    const sinceSealed = Math.abs(now - this.#sealedAt);
    const heartbeat = this.#open.size > 0 && sinceSealed >= FLOW_LIMITS.HEARTBEAT_MS;
    if (!this.#dirty && !heartbeat && !last) return undefined;
    this.#sealedAt = now;
    const countedFrom = this.#countedFrom ?? now - FLOW_LIMITS.FLUSH_INTERVAL_MS;
    this.#countedFrom = undefined;
    this.#pending = {
      ...this.#options,
      seq: ++this.#seq,
      sealed_at: now,
      covered_ms: Math.max(0, now - countedFrom),
      services: this.#takeServices(),
      active: this.#activeRecords(),
      opened: this.#opened.map((flow) => ({ ...toFlowRecord(flow), up: 0, down: 0 })),
      closed: this.#closed,
      events_dropped: this.#eventsDropped,
      last,
    };
    this.#opened = [];
    this.#closed = [];
    this.#eventsDropped = 0;
    this.#dirty = false;
    return this.#pending;
  }

  /** Batch `seq` is durable. An acknowledgement of any other batch is ignored. */
  acknowledge(seq: number): void {
    if (this.#pending?.seq === seq) this.#pending = undefined;
  }

  #takeNumber(): number {
    const number = this.#nextFlow;
    this.#nextFlow += this.#step;
    return number;
  }

  #settleAll(now: number): void {
    for (const flow of this.#open) {
      this.#noteViewer(flow);
      if (flow.settle()) {
        this.#dirty = true;
        this.#countedFrom ??= Math.max(this.#settledAt, flow.startedAt);
      }
      if (flow.listed || now - flow.startedAt < FLOW_LIMITS.LIST_HTTP_AFTER_MS) continue;
      this.#list(flow);
      this.#dirty = true;
    }
    this.#settledAt = now;
  }

  #noteViewer({ viewer, account }: TrackedFlow): void {
    if (viewer !== undefined) this.#tallyOf(account).viewer(viewer);
  }

  #list(flow: TrackedFlow): void {
    flow.listed = true;
    if (this.#opened.length >= FLOW_LIMITS.EVENTS_MAX) this.#eventsDropped++;
    else this.#opened.push(flow);
  }

  #activeRecords(): FlowRecord[] {
    const records: FlowRecord[] = [];
    for (const flow of this.#open) {
      if (records.length >= FLOW_LIMITS.FLOWS_LISTED_MAX) break;
      if (flow.listed) records.push(toFlowRecord(flow));
    }
    return records;
  }

  #takeServices(): ServiceDelta[] {
    const services: ServiceDelta[] = [];
    for (const [key, account] of this.#accounts) {
      if (isQuiet(account)) this.#accounts.delete(key);
      else services.push(takeDelta(account, this.#termsOf(account.service, account.kind)));
    }
    this.#viewers = new AudiencePlaces(STATS_LIMITS.VIEWERS_HELD_MAX);
    return services;
  }
}
