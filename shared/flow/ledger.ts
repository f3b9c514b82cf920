// The ledger of one source: opens and closes flows, and seals what happened since into numbered batches.
// At most one batch is under way; until it is acknowledged everything new adds up in constant space, so a stats object
// that is away for an hour costs no memory and loses nothing. Pure: time comes in as an argument.

import { FLOW_LIMITS } from "../limits.ts";
import type { Batch, ServiceDelta } from "./batch.ts";
import { type Counters, isZero, zeroCounters } from "./counters.ts";
import {
  type ClosedFlowRecord,
  type CloseReason,
  type Flow,
  type FlowInit,
  type FlowKind,
  type FlowRecord,
  toFlowRecord,
} from "./flow.ts";

/** Counters of one service and kind within one source. */
interface Account {
  readonly service: string;
  readonly kind: FlowKind;
  /** Counted since the last sealed batch. */
  readonly delta: Counters;
  active: number;
}

class TrackedFlow implements Flow {
  up = 0;
  down = 0;
  messagesUp = 0;
  messagesDown = 0;
  /** What of each is in the account already. */
  sealedUp = 0;
  sealedDown = 0;
  sealedMessagesUp = 0;
  sealedMessagesDown = 0;
  /** Listed flows were announced by an `opened` event and get a `closed` one. */
  listed = false;
  open = true;
  readonly source: string;
  readonly number: number;
  readonly account: Account;
  readonly kind: FlowKind;
  readonly service: string;
  readonly client: string;
  readonly target: string;
  readonly user: string;
  readonly startedAt: number;

  constructor(source: string, number: number, account: Account, init: FlowInit) {
    this.source = source;
    this.number = number;
    this.account = account;
    this.kind = init.kind;
    this.service = account.service;
    this.client = init.client.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.target = init.target.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.user = init.user.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.startedAt = init.startedAt;
  }

  /** Made when asked for: most flows end before anyone lists them. */
  get id(): string {
    return `${this.source}-${this.number}`;
  }

  /** Moves what was counted since the last seal into the account; true if anything was. */
  settle(): boolean {
    const bytes = this.up !== this.sealedUp || this.down !== this.sealedDown;
    const messages =
      this.messagesUp !== this.sealedMessagesUp || this.messagesDown !== this.sealedMessagesDown;
    if (bytes) this.#settleBytes();
    if (messages) this.#settleMessages();
    return bytes || messages;
  }

  #settleBytes(): void {
    const { delta } = this.account;
    delta.up += this.up - this.sealedUp;
    delta.down += this.down - this.sealedDown;
    this.sealedUp = this.up;
    this.sealedDown = this.down;
  }

  #settleMessages(): void {
    const { delta } = this.account;
    delta.messages_up += this.messagesUp - this.sealedMessagesUp;
    delta.messages_down += this.messagesDown - this.sealedMessagesDown;
    this.sealedMessagesUp = this.messagesUp;
    this.sealedMessagesDown = this.messagesDown;
  }
}

export interface LedgerOptions {
  /** Random id of this life of the source, at most 64 characters. */
  source: string;
  origin: "edge" | "relay";
  name: string;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #open = new Set<TrackedFlow>();
  #opened: FlowRecord[] = [];
  #closed: ClosedFlowRecord[] = [];
  #eventsDropped = 0;
  #nextFlow = 1;
  #seq = 0;
  #sealedAt = 0;
  /** When flows were last looked at for what they moved. */
  #settledAt = 0;
  /** Nothing in the next batch happened before this; undefined: within the last interval. */
  #countedFrom: number | undefined;
  #pending: Batch | undefined;
  #dirty = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** The counters of a service; new services past the bound share the one named "other". */
  #account(service: string, kind: FlowKind): Account {
    const key = `${kind} ${service}`;
    const known = this.#accounts.get(key);
    if (known) return known;
    if (this.#accounts.size >= FLOW_LIMITS.SERVICES_MAX && service !== "other")
      return this.#account("other", kind);
    const account: Account = {
      service: service.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX),
      kind,
      delta: zeroCounters(),
      active: 0,
    };
    this.#accounts.set(key, account);
    return account;
  }

  /** Begins a flow. What is added to its bytes and messages counts until it is closed. */
  open(init: FlowInit): Flow {
    const account = this.#account(init.service, init.kind);
    const flow = new TrackedFlow(this.#options.source, this.#nextFlow++, account, init);
    account.delta.requests++;
    account.active++;
    this.#open.add(flow);
    this.#dirty = true;
    this.#countedFrom ??= init.startedAt;
    if (init.kind !== "http" && init.kind !== "hls") this.#list(flow);
    return flow;
  }

  /** Ends a flow; ending it again changes nothing. */
  close(flow: Flow, reason: CloseReason, now: number): void {
    const tracked = flow as TrackedFlow;
    if (!tracked.open) return;
    tracked.open = false;
    tracked.settle();
    tracked.account.active--;
    if (reason === "refused") tracked.account.delta.errors++;
    else if (reason === "aborted" || reason === "failed") tracked.account.delta.aborted++;
    this.#open.delete(tracked);
    this.#dirty = true;
    if (!tracked.listed) return;
    if (this.#closed.length >= FLOW_LIMITS.EVENTS_MAX) this.#eventsDropped++;
    else this.#closed.push({ ...toFlowRecord(tracked), ended_at: now, reason });
  }

  /** Counts a request that was refused before it became a flow. */
  refuse(service: string, kind: FlowKind): void {
    const { delta } = this.#account(service, kind);
    delta.requests++;
    delta.errors++;
    this.#dirty = true;
  }

  /** Counts whether a reply came from a cache. */
  count(service: string, kind: FlowKind, name: "hits" | "misses"): void {
    this.#account(service, kind).delta[name]++;
    this.#dirty = true;
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
    const heartbeat = this.#open.size > 0 && now - this.#sealedAt >= FLOW_LIMITS.HEARTBEAT_MS;
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
      opened: this.#opened,
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

  #settleAll(now: number): void {
    for (const flow of this.#open) {
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

  #list(flow: TrackedFlow): void {
    flow.listed = true;
    if (this.#opened.length >= FLOW_LIMITS.EVENTS_MAX) this.#eventsDropped++;
    else this.#opened.push({ ...toFlowRecord(flow), up: 0, down: 0 });
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
      const quiet = isZero(account.delta);
      if (!quiet || account.active > 0) {
        services.push({
          service: account.service,
          kind: account.kind,
          ...account.delta,
          active: account.active,
        });
        Object.assign(account.delta, zeroCounters());
      } else {
        this.#accounts.delete(key);
      }
    }
    return services;
  }
}
