// Ledger and aggregate together, over a network that loses requests and replies and an object that restarts at will:
// in the end every byte and request stands in the totals once.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Aggregate } from "../../../shared/flow/aggregate.ts";
import { type Counters, zeroCounters } from "../../../shared/flow/counters.ts";
import { CLOSE_REASONS, FLOW_KINDS, type Flow } from "../../../shared/flow/flow.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import { flowInit } from "./batches.ts";
import { MemoryStore } from "./memory-store.ts";

const SOURCES = 2;

const step = fc.oneof(
  fc.record({ do: fc.constant("open" as const), kind: fc.constantFrom(...FLOW_KINDS), service: fc.nat(100) }),
  fc.record({ do: fc.constant("add" as const), flow: fc.nat(), up: fc.nat(1e9), down: fc.nat(1e9) }),
  fc.record({ do: fc.constant("message" as const), flow: fc.nat(), up: fc.boolean() }),
  fc.record({ do: fc.constant("close" as const), flow: fc.nat(), reason: fc.constantFrom(...CLOSE_REASONS) }),
  fc.record({ do: fc.constant("count" as const), name: fc.constantFrom("hits", "misses") }),
  fc.record({ do: fc.constant("refuse" as const) }),
  fc.record({
    do: fc.constant("report" as const),
    fate: fc.constantFrom("arrives", "arrives", "arrives", "request lost", "reply lost", "arrives twice"),
  }),
  fc.record({ do: fc.constant("restart" as const) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(10, 1_000, 40_000) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly expected: Counters = zeroCounters();
  readonly #store = new MemoryStore();
  readonly #ledgers = Array.from(
    { length: SOURCES },
    (_, i) => new Ledger({ source: `s${i}`, origin: "edge", name: "edge" }),
  );
  readonly #flows: { ledger: Ledger; flow: Flow; open: boolean }[] = [];
  #now = 1_000_000;
  aggregate = new Aggregate(this.#store.load(), this.#now);

  run(ledger: Ledger, action: Step): void {
    if (action.do === "open") {
      const init = { kind: action.kind, service: `service-${action.service}`, startedAt: this.#now };
      this.#flows.push({ ledger, flow: ledger.open(flowInit(init)), open: true });
      this.expected.requests++;
    } else if (action.do === "add" || action.do === "message" || action.do === "close") {
      const open = this.#flows.filter((candidate) => candidate.open);
      const chosen = open[action.flow % open.length];
      if (chosen && action.do === "add") this.#add(chosen.flow, action.up, action.down);
      else if (chosen && action.do === "message") this.#message(chosen.flow, action.up);
      else if (chosen && action.do === "close") this.#close(chosen, action.reason);
    } else if (action.do === "refuse") {
      ledger.refuse("app.test", "http");
      this.expected.requests++;
      this.expected.errors++;
    } else if (action.do === "count") {
      ledger.count("app.test", "hls", action.name);
      this.expected[action.name]++;
    } else if (action.do === "report") {
      this.report(ledger, action.fate);
    } else if (action.do === "restart") {
      this.aggregate = new Aggregate(this.#store.load(this.aggregate.lostSources), this.#now);
    } else {
      this.#now += action.ms;
      for (const change of this.aggregate.sweep(this.#now)) this.#store.store(change, false);
    }
  }

  report(ledger: Ledger, fate: string): void {
    const batch = ledger.seal(this.#now);
    if (!batch || fate === "request lost") return;
    for (let i = fate === "arrives twice" ? 2 : 1; i > 0; i--) {
      const stored = this.aggregate.knows(batch.source) ? undefined : this.#store.rows.get(batch.source);
      const change = this.aggregate.merge(structuredClone(batch), this.#now, stored);
      if (change) this.#store.store(change, this.aggregate.knows(batch.source));
    }
    if (fate !== "reply lost") ledger.acknowledge(batch.seq);
  }

  settle(): void {
    for (const entry of this.#flows) if (entry.open) this.#close(entry, "done");
    for (const ledger of this.#ledgers) while (ledger.unreported) this.report(ledger, "arrives");
  }

  ledger(i: number): Ledger {
    return this.#ledgers[i % SOURCES] as Ledger;
  }

  /** What a newly started object would show. */
  reloaded(): Aggregate {
    return new Aggregate(this.#store.load(), this.#now);
  }

  totals(aggregate: Aggregate): Counters {
    return aggregate.snapshot(this.#now, []).totals;
  }

  active(): number {
    return this.aggregate.snapshot(this.#now, []).active;
  }

  #add(flow: Flow, up: number, down: number): void {
    flow.up += up;
    flow.down += down;
    this.expected.up += up;
    this.expected.down += down;
  }

  #message(flow: Flow, up: boolean): void {
    flow[up ? "messagesUp" : "messagesDown"]++;
    this.expected[up ? "messages_up" : "messages_down"]++;
  }

  #close(entry: { ledger: Ledger; flow: Flow; open: boolean }, reason: (typeof CLOSE_REASONS)[number]): void {
    entry.ledger.close(entry.flow, reason, this.#now);
    entry.open = false;
    if (reason === "refused") this.expected.errors++;
    if (reason === "aborted" || reason === "failed") this.expected.aborted++;
  }
}

describe("Ledger and Aggregate", () => {
  it("sum exactly whatever gets lost, repeated or restarted on the way", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(SOURCES - 1), step), { maxLength: 120 }), (steps) => {
        const world = new World();
        for (const [source, action] of steps) world.run(world.ledger(source), action);
        world.settle();
        expect(world.totals(world.aggregate)).toEqual(world.expected);
        expect(world.totals(world.reloaded())).toEqual(world.expected);
        expect(world.active()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
