// The subscribers of the configuration, compiled once: found by name or by their secret, and asked what they may watch.

import type { ViewerConfig } from "../../../shared/config/schema.ts";
import { tokenVerifier } from "../../../shared/config/secrets.ts";
import { CidrSet } from "../../../shared/net/cidr-set.ts";
import { fingerprintOf } from "../../../shared/viewers/token.ts";
import type { ConfigSnapshot } from "../../directory/client.ts";

/** What of a channel filters look at. */
export interface Watchable {
  readonly id: string;
  readonly group: string;
}

export class Subscriber {
  readonly config: ViewerConfig;
  /** Changes with the secret. */
  readonly fingerprint: string;
  readonly #channels: ReadonlySet<string>;
  readonly #groups: ReadonlySet<string>;
  readonly #allowed: CidrSet | undefined;

  constructor(config: ViewerConfig) {
    this.config = config;
    this.fingerprint = fingerprintOf(config.token);
    this.#channels = new Set(config.channels);
    this.#groups = new Set(config.groups);
    this.#allowed = config.allow.length === 0 ? undefined : new CidrSet(config.allow);
  }

  mayWatch({ id, group }: Watchable): boolean {
    const isUnfiltered = this.#channels.size === 0 && this.#groups.size === 0;
    return isUnfiltered || this.#channels.has(id) || this.#groups.has(group);
  }

  mayComeFrom(ip: string): boolean {
    return this.#allowed?.has(ip) ?? true;
  }

  isOver(now: number): boolean {
    return this.config.expires !== undefined && now >= this.config.expires;
  }
}

interface Subscribers {
  readonly byName: ReadonlyMap<string, Subscriber>;
  /** By verifier: a look-up by a hash tells nobody how much of a secret was right. */
  readonly byVerifier: ReadonlyMap<string, Subscriber>;
}

const compiled = new WeakMap<readonly ViewerConfig[], Subscribers>();

function subscribersOf({ viewers }: Pick<ConfigSnapshot, "viewers">): Subscribers {
  const known = compiled.get(viewers);
  if (known) return known;
  const all = viewers.map((config) => new Subscriber(config));
  const made = {
    byName: new Map(all.map((subscriber) => [subscriber.config.name, subscriber])),
    byVerifier: new Map(all.map((subscriber) => [subscriber.config.token, subscriber])),
  };
  compiled.set(viewers, made);
  return made;
}

export function subscriberByName(
  config: Pick<ConfigSnapshot, "viewers">,
  name: string,
): Subscriber | undefined {
  return subscribersOf(config).byName.get(name);
}

export async function subscriberBySecret(
  config: Pick<ConfigSnapshot, "viewers">,
  secret: string,
): Promise<Subscriber | undefined> {
  return subscribersOf(config).byVerifier.get(await tokenVerifier(secret));
}
