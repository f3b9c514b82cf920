// Which upstream gets a request. Pure: randomness, the turn and the loads come in as arguments.

import { hash32 } from "./hash.ts";

export type BalancePolicy =
  | "random"
  | "weighted"
  | "round_robin"
  | "first"
  | "ip_hash"
  | "cookie"
  | "least_conn";

export interface BalanceInput {
  readonly policy: BalancePolicy;
  /** Indices of the upstreams that may be used, rising; at least one. */
  readonly candidates: readonly number[];
  /** One weight per upstream; only the policy "weighted" looks at them. */
  readonly weights: readonly number[];
  /** One hash of each upstream's name: the policy "ip_hash" does not depend on their order. */
  readonly seeds: readonly number[];
  /** At least 0 and below 1. */
  readonly random: number;
  /** Requests before this one: the policy "round_robin" counts on from it. */
  readonly turn: number;
  readonly clientIp: string;
  /** Requests and sockets open at an upstream; only the policy "least_conn" asks. */
  readonly load: (index: number) => number;
  /** The upstream that the client's affinity cookie names, for the policy "cookie". */
  readonly affine: number | undefined;
}

/** The index of the upstream to use: one of the candidates. */
export function chooseUpstream(input: BalanceInput): number {
  const { candidates } = input;
  const only = candidates[0] ?? 0;
  return candidates.length === 1 ? only : (pick(input) ?? only);
}

function pick(input: BalanceInput): number | undefined {
  const { candidates, random } = input;
  switch (input.policy) {
    case "first":
      return candidates[0];
    case "random":
      return atRandom(candidates, random);
    case "round_robin":
      return inTurn(candidates, input.turn % input.weights.length);
    case "weighted":
      return byWeight(candidates, input.weights, random);
    case "ip_hash":
      return byScore(candidates, input.seeds, input.clientIp);
    case "least_conn":
      return byLoad(candidates, input.load, random);
    case "cookie":
      return input.affine !== undefined && candidates.includes(input.affine)
        ? input.affine
        : atRandom(candidates, random);
  }
}

function atRandom(candidates: readonly number[], random: number): number | undefined {
  return candidates[Math.floor(random * candidates.length)];
}

/** The first candidate at or after the turn's upstream, so that the neighbour takes over for one that is left out. */
function inTurn(candidates: readonly number[], turn: number): number | undefined {
  return candidates.find((index) => index >= turn) ?? candidates[0];
}

function byWeight(
  candidates: readonly number[],
  weights: readonly number[],
  random: number,
): number | undefined {
  const total = candidates.reduce((sum, index) => sum + (weights[index] ?? 0), 0);
  let rest = random * total;
  for (const index of candidates) {
    rest -= weights[index] ?? 0;
    if (rest < 0) return index;
  }
  return candidates.at(-1);
}

/** Rendezvous hashing: when an upstream is left out only its own clients move, each to its own second choice. */
function byScore(
  candidates: readonly number[],
  seeds: readonly number[],
  clientIp: string,
): number | undefined {
  let best: number | undefined;
  let bestScore = -1;
  for (const index of candidates) {
    const score = hash32(clientIp, seeds[index]);
    if (score > bestScore) {
      best = index;
      bestScore = score;
    }
  }
  return best;
}

/** The least loaded; among equals any, or a restart would send everything to the first. */
function byLoad(
  candidates: readonly number[],
  load: (index: number) => number,
  random: number,
): number | undefined {
  let least = Number.POSITIVE_INFINITY;
  let equals: number[] = [];
  for (const index of candidates) {
    const open = load(index);
    if (open > least) continue;
    if (open < least) equals = [];
    least = open;
    equals.push(index);
  }
  return atRandom(equals, random);
}
