// Which upstream gets a request. Pure: randomness and the turn come in as arguments.

export type BalancePolicy = "random" | "weighted" | "round_robin" | "first" | "ip_hash";

export interface BalanceInput {
  readonly policy: BalancePolicy;
  /** One weight per upstream; only the policy "weighted" looks at them. */
  readonly weights: readonly number[];
  /** Upstreams that just failed, by index: taken only if there is no other. */
  readonly avoid: ReadonlySet<number>;
  /** At least 0 and below 1. */
  readonly random: number;
  /** Requests before this one: the policy "round_robin" counts on from it. */
  readonly turn: number;
  readonly clientIp: string;
}

/** The index of the upstream to use. There is at least one. */
export function chooseUpstream(input: BalanceInput): number {
  const all = input.weights.map((_, index) => index);
  const preferred = all.filter((index) => !input.avoid.has(index));
  const candidates = preferred.length > 0 ? preferred : all;
  return pick(candidates, input) ?? 0;
}

function pick(candidates: readonly number[], input: BalanceInput): number | undefined {
  switch (input.policy) {
    case "first":
      return candidates[0];
    case "random":
      return candidates[Math.floor(input.random * candidates.length)];
    case "round_robin":
      return inTurn(candidates, input.turn % input.weights.length);
    case "weighted":
      return byWeight(candidates, input.weights, input.random);
    case "ip_hash":
      return byScore(candidates, input.clientIp);
  }
}

/** The first candidate at or after the turn's upstream, so that the neighbour takes over for one that is avoided. */
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

/** Rendezvous hashing: when an upstream is avoided only its own clients move, each to its own second choice. */
function byScore(candidates: readonly number[], clientIp: string): number | undefined {
  let best: number | undefined;
  let bestScore = -1;
  for (const index of candidates) {
    const score = hash32(`${index} ${clientIp}`);
    if (score > bestScore) {
      best = index;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a with a final mix, because neighbouring addresses differ in their last characters only. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
