// What one source counted of one service and kind since its last sealed batch. Pure.

import type { ServiceDelta } from "./batch.ts";
import type { ChannelTally } from "./channel.ts";
import { type Counters, isZero, zeroCounters } from "./counters.ts";
import type { FlowKind } from "./flow.ts";
import type { ServiceTerms } from "./quota.ts";
import { addRefusal, toRefusals } from "./refusals.ts";

export interface Account {
  readonly service: string;
  readonly kind: FlowKind;
  /** Counted since the last sealed batch. */
  readonly delta: Counters;
  /** Refusals by error code since then; made with the first. */
  refused: Map<string, number> | undefined;
  /** Of a channel, what only channels have since then; made with the first. */
  channel: ChannelTally | undefined;
  active: number;
}

export function newAccount(service: string, kind: FlowKind): Account {
  return { service, kind, delta: zeroCounters(), refused: undefined, channel: undefined, active: 0 };
}

/** Counts one refusal, by its error code where there is one. */
export function countError(account: Account, code: string | undefined): void {
  account.delta.errors++;
  if (code === undefined) return;
  account.refused ??= new Map();
  addRefusal(account.refused, code, 1);
}

/** Whether there is nothing to report. */
export function isQuiet({ delta, channel, active }: Account): boolean {
  return active === 0 && channel === undefined && isZero(delta);
}

/** Takes what was counted: the account begins anew. */
export function takeDelta(account: Account, terms: ServiceTerms | undefined): ServiceDelta {
  const { service, kind, delta, active, refused, channel } = account;
  const taken: ServiceDelta = {
    service,
    kind,
    ...delta,
    active,
    ...(refused && { refused: toRefusals(refused) }),
    ...(channel && { channel: channel.toDelta() }),
    ...(terms && { terms }),
  };
  account.refused = undefined;
  account.channel = undefined;
  Object.assign(delta, zeroCounters());
  return taken;
}
