// One request of somebody who watches, for as long as its reply goes on: keeps the session's places, and finds out when
// the viewer may not go on, because the configuration says so since.

import type { ChannelConfig } from "../../../shared/config/schema.ts";
import { VIEWER_LIMITS } from "../../../shared/limits.ts";
import type { TokenClaims } from "../../../shared/viewers/token.ts";
import { type ConfigSnapshot, currentConfig } from "../../directory/client.ts";
import type { Exchange, ViewingRight } from "../../exchange.ts";
import { audiences, type SeatRequest } from "./audience.ts";
import { subscriberByName } from "./subscribers.ts";

/** A place that a session holds, with the object that counts it. */
export interface Place {
  readonly object: string;
  readonly seat: SeatRequest;
  readonly limit: number;
}

interface Right {
  readonly channel: ChannelConfig;
  /** Undefined: anybody may watch. */
  readonly claims: TokenClaims | undefined;
}

export class Viewing implements ViewingRight {
  /** The subscriber's name; "" for others. */
  readonly user: string;
  readonly session: string;
  readonly #places: readonly Place[];
  readonly #right: Right;
  #checkedAt: number;
  #isOver = false;

  constructor(places: readonly Place[], right: Right, now: number) {
    this.user = right.claims?.viewer?.name ?? "";
    this.session = places.find(({ object }) => object === right.channel.id)?.seat.id ?? "";
    this.#places = places;
    this.#right = right;
    this.#checkedAt = now;
  }

  goesOn(x: Pick<Exchange, "env" | "ctx">, now: number): boolean {
    for (const { object, seat } of this.#places) if (!audiences.of(object).stay(x, seat)) this.#isOver = true;
    if (now - this.#checkedAt >= VIEWER_LIMITS.RECHECK_MS) {
      this.#checkedAt = now;
      x.ctx.waitUntil(this.#check(x, now));
    }
    return !this.#isOver;
  }

  /** A configuration that cannot be had ends nobody's viewing. */
  async #check({ env, ctx }: Pick<Exchange, "env" | "ctx">, now: number): Promise<void> {
    const config = await currentConfig(env, ctx).catch(() => undefined);
    if (config && !mayGoOn(config, this.#right, now)) this.#isOver = true;
  }
}

function mayGoOn(config: ConfigSnapshot, { channel, claims }: Right, now: number): boolean {
  if (claims?.viewer === undefined) return true;
  const subscriber = subscriberByName(config, claims.viewer.name);
  const isSame = subscriber?.fingerprint === claims.viewer.fingerprint;
  return isSame && subscriber.mayWatch(channel) && !subscriber.isOver(now);
}
