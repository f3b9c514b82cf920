// The upstreams of one host: which of them gets a request, what is known of their health, and how busy they are. Made once
// per configuration; what it knows of an upstream lives on when a push keeps that upstream.

import { checkOf } from "../../shared/config/health-checks.ts";
import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { PROXY_LIMITS } from "../../shared/limits.ts";
import { chooseUpstream } from "../../shared/net/balance.ts";
import { hash32 } from "../../shared/net/hash.ts";
import { upstreamBase } from "../../shared/net/upstream-base.ts";
import { Affinity } from "./affinity.ts";
import type { Call, Upstream, UpstreamPool } from "./call.ts";
import {
  newUpstreamState,
  PassiveHealth,
  type UpstreamOutcome,
  type UpstreamState,
} from "./passive-health.ts";

export class Pool implements UpstreamPool {
  readonly upstreams: readonly Upstream[];
  readonly only: Upstream | undefined;
  readonly affinity: Affinity | undefined;
  readonly #config: HostConfig;
  readonly #weights: readonly number[];
  readonly #seeds: readonly number[];
  readonly #indices: readonly number[];
  /** Names of the active checks, one per upstream; undefined: none are made. */
  readonly #checks: readonly string[] | undefined;
  readonly #passive: PassiveHealth;
  readonly #states: readonly UpstreamState[];
  readonly #countsLoad: boolean;
  readonly #loadOf = (index: number): number => this.#states[index]?.open ?? 0;
  /** Choices so far: the turn of the policy round_robin. */
  #turns = 0;

  /** @param service the host's name in stats */
  constructor(config: HostConfig, service: string) {
    const { active, passive } = config.health;
    this.#config = config;
    this.upstreams = config.upstreams.map((upstream, index) => {
      const base = upstreamBase(typeof upstream === "string" ? upstream : upstream.url);
      return { index, base: base.origin + base.path, ...base };
    });
    this.#weights = config.upstreams.map((upstream) => (typeof upstream === "string" ? 1 : upstream.weight));
    this.#seeds = this.upstreams.map(({ base }) => hash32(base));
    this.#indices = this.upstreams.map(({ index }) => index);
    this.#checks = active && this.upstreams.map(({ base }) => checkOf(config.via, base, active).id);
    this.#passive = new PassiveHealth(passive, config.response_header_timeout + PROXY_LIMITS.TRIAL_SLACK_MS);
    const isSingle = this.upstreams.length === 1;
    this.only = isSingle && this.#checks === undefined ? this.upstreams[0] : undefined;
    this.#states = isSingle ? [newUpstreamState()] : statesOf(service, config.via, this.upstreams);
    this.#countsLoad = config.policy === "least_conn" && !isSingle;
    this.affinity =
      config.policy === "cookie" && !isSingle
        ? new Affinity(
            service,
            this.upstreams.map(({ base }) => `${config.via} ${base}`),
          )
        : undefined;
  }

  choose(call: Call, avoid?: ReadonlySet<number>): Upstream {
    if (this.only) return this.only;
    const now = Date.now();
    const index = chooseUpstream({
      policy: this.#config.policy,
      candidates: this.#candidates(call, avoid, now),
      weights: this.#weights,
      seeds: this.#seeds,
      random: Math.random(),
      turn: this.#turns++,
      clientIp: call.clientIp,
      load: this.#loadOf,
      affine: this.affinity?.indexOf(call.x.request),
    });
    const chosen = this.upstreams[index];
    if (!chosen) throw new CausewayError("no_upstream");
    return chosen;
  }

  report(upstream: Upstream, outcome: UpstreamOutcome): void {
    if (this.#states.length === 1) return;
    const state = this.#states[upstream.index];
    if (state) this.#passive.report(state, outcome, Date.now());
  }

  hold({ index }: Upstream): boolean {
    const state = this.#states[index];
    if (!state) return false;
    if (this.#countsLoad) state.open++;
    return this.#passive.begin(state, Date.now());
  }

  release({ index }: Upstream): void {
    const state = this.#countsLoad ? this.#states[index] : undefined;
    if (state) state.open--;
  }

  /**
   * Who may get a request. What active checks found is the operator's word and holds without exception; what requests
   * showed is this isolate's guess: where it leaves nobody, the one whose trial is due first is tried.
   * @throws CausewayError `no_upstream`
   */
  #candidates(call: Call, avoid: ReadonlySet<number> | undefined, now: number): readonly number[] {
    const checks = this.#checks;
    const { live } = call.x.config;
    const up =
      checks && live.anyDown
        ? this.#indices.filter((index) => !live.isDown(checks[index] ?? ""))
        : this.#indices;
    if (up.length === 0) throw new CausewayError("no_upstream");
    const fresh = avoid ? up.filter((index) => !avoid.has(index)) : up;
    const preferred = fresh.length > 0 ? fresh : up;
    if (!preferred.some((index) => this.#isOut(index, now))) return preferred;
    const inService = preferred.filter((index) => !this.#isOut(index, now));
    return inService.length > 0 ? inService : [this.#leastBad(preferred)];
  }

  #isOut(index: number, now: number): boolean {
    const state = this.#states[index];
    return state !== undefined && this.#passive.isOut(state, now);
  }

  #leastBad(candidates: readonly number[]): number {
    const dueAt = (index: number): number => this.#states[index]?.outUntil ?? 0;
    return candidates.reduce((best, index) => (dueAt(index) < dueAt(best) ? index : best));
  }
}

/** By service, what is known of its upstreams by their address. */
const kept = new Map<string, ReadonlyMap<string, UpstreamState>>();

/** The states of a host's upstreams: as the configuration before it knew them, where it had them, too. */
function statesOf(service: string, via: string, upstreams: readonly Upstream[]): readonly UpstreamState[] {
  const before = kept.get(service);
  const states = upstreams.map(({ base }) => before?.get(`${via} ${base}`) ?? newUpstreamState());
  // Set anew, so that the service used last stands last.
  kept.delete(service);
  kept.set(
    service,
    new Map(upstreams.map(({ base, index }) => [`${via} ${base}`, states[index] ?? newUpstreamState()])),
  );
  const [oldest] = kept.keys();
  if (kept.size > PROXY_LIMITS.POOLS_KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  return states;
}
