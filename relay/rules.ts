// Which way a connection leaves the relay: the first rule that fits decides, the last one is direct. Rules look at the name;
// addresses are asked for only where a rule with ranges is reached. Knows no socket and no resolver.

import type { RuleConfig } from "../shared/config/schema.ts";
import { CausewayError } from "../shared/errors.ts";
import { embeddedIpv4, type IpBytes, parseIp } from "../shared/net/address.ts";
import { type Cidr, cidrContains, parseCidr } from "../shared/net/cidr.ts";
import { HostSet } from "../shared/net/routes.ts";
import type { Target } from "./outbound/outbound.ts";

/** Names of outbounds that need no table of their own. */
export const DIRECT = "direct";
export const REJECT = "reject";

/** Where a connection comes from, as rules name it. */
export interface Asker {
  /** The inbound's name and kind: a rule may name either. */
  readonly inbound: readonly string[];
  /** "" without authentication. */
  readonly user: string;
}

export interface Route {
  /** An outbound's name, never `REJECT`. */
  readonly outbound: string;
  /** Whether private addresses may be reached even where the listener's policy forbids it. */
  readonly allowPrivate: boolean;
  /** What is to be dialled, once addresses have been judged; undefined: the name goes onward as it is. */
  readonly addresses: readonly string[] | undefined;
  /** What the name was found to lead to on the way: whoever would resolve it once more here uses this instead. */
  readonly resolved: readonly string[] | undefined;
}

/** Resolves the target's name: all addresses, or a CausewayError. Called once at most. */
export type ResolveTarget = () => Promise<readonly string[]>;

interface CompiledRule {
  readonly domains: HostSet | undefined;
  readonly cidrs: readonly Cidr[];
  readonly ports: readonly { readonly first: number; readonly last: number }[];
  readonly users: ReadonlySet<string> | undefined;
  readonly inbounds: ReadonlySet<string> | undefined;
  readonly outbound: string;
  readonly allowPrivate: boolean;
}

export class RuleTable {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly RuleConfig[]) {
    this.#rules = rules.map(compile);
  }

  /**
   * The way for `target`. Addresses are judged one by one: those in the ranges of a rule that rejects are dropped, and the
   * others go on; those in the ranges of any other rule are what is dialled by it.
   * @throws CausewayError `target_refused` by a rule that rejects; what `resolve` throws, where an answer is needed
   */
  async route(target: Target, asker: Asker, resolve: ResolveTarget): Promise<Route> {
    const judging = new Judging(resolve);
    for (const rule of this.#rules) {
      if (!fits(rule, target, asker)) continue;
      const { outbound, allowPrivate } = rule;
      if (rule.cidrs.length === 0) {
        if (outbound === REJECT) throw refused(target);
        return { outbound, allowPrivate, ...judging.onward() };
      }
      const inside = await judging.inside(rule.cidrs);
      if (outbound === REJECT) {
        if (judging.drop(inside)) throw refused(target);
      } else if (inside.length > 0) {
        return { outbound, allowPrivate, addresses: inside, resolved: inside };
      }
    }
    return { outbound: DIRECT, allowPrivate: false, ...judging.onward() };
  }

  /** The outbounds that some target of `asker` may leave by. */
  ways(asker: Asker): readonly string[] {
    const names = new Set<string>();
    for (const rule of this.#rules) {
      if (!isFor(rule, asker)) continue;
      if (rule.outbound !== REJECT) names.add(rule.outbound);
      if (fitsAnyTarget(rule)) return [...names];
    }
    return [...names, DIRECT];
  }
}

/** Whether a rule fits every target of those whom it is for. */
function fitsAnyTarget({ domains, cidrs, ports }: CompiledRule): boolean {
  return domains === undefined && cidrs.length === 0 && ports.length === 0;
}

/** What is known of a target's addresses while the rules are gone through. */
class Judging {
  readonly #resolve: ResolveTarget;
  #addresses: readonly string[] | undefined;
  #failure: unknown;
  /** A rule that rejects ranges was passed: from then on the name must not lead anywhere else. */
  #binding = false;

  constructor(resolve: ResolveTarget) {
    this.#resolve = resolve;
  }

  /** The addresses within `ranges`. A name that cannot be resolved is in none. */
  async inside(ranges: readonly Cidr[]): Promise<readonly string[]> {
    if (this.#addresses === undefined) {
      try {
        this.#addresses = await this.#resolve();
      } catch (error) {
        this.#failure = error;
        this.#addresses = [];
      }
    }
    return this.#addresses.filter((address) => {
      const ip = parseIp(address);
      return ip !== undefined && ranges.some((range) => contains(range, ip));
    });
  }

  /** Drops addresses; true when none is left of some. */
  drop(addresses: readonly string[]): boolean {
    this.#binding = true;
    this.#addresses = this.#addresses?.filter((address) => !addresses.includes(address));
    return addresses.length > 0 && this.#addresses?.length === 0;
  }

  /** What goes onward: the name, unless its addresses have been judged. @throws why they could not be */
  onward(): Pick<Route, "addresses" | "resolved"> {
    if (this.#binding && this.#failure !== undefined) throw this.#failure;
    const resolved = this.#failure === undefined ? this.#addresses : undefined;
    return { addresses: this.#binding ? resolved : undefined, resolved };
  }
}

/** An IPv6 address that carries an IPv4 one leads where that one does. */
function contains(range: Cidr, ip: IpBytes): boolean {
  const carried = embeddedIpv4(ip);
  return cidrContains(range, ip) || (carried !== undefined && cidrContains(range, carried));
}

function fits(rule: CompiledRule, { host, port }: Target, asker: Asker): boolean {
  if (rule.domains !== undefined && !rule.domains.has(host)) return false;
  if (rule.ports.length > 0 && !rule.ports.some(({ first, last }) => first <= port && port <= last))
    return false;
  return isFor(rule, asker);
}

/** Whether a rule is for connections of `asker`, whatever their target. */
function isFor({ users, inbounds }: CompiledRule, { inbound, user }: Asker): boolean {
  if (users !== undefined && !users.has(user)) return false;
  return inbounds === undefined || inbound.some((name) => inbounds.has(name));
}

function compile(rule: RuleConfig): CompiledRule {
  return {
    domains: rule.domains.length === 0 ? undefined : new HostSet(rule.domains),
    cidrs: rule.cidrs.map(parseCidr).filter((range) => range !== undefined),
    ports: rule.ports,
    users: rule.users.length === 0 ? undefined : new Set(rule.users),
    inbounds: rule.inbounds.length === 0 ? undefined : new Set(rule.inbounds),
    outbound: rule.outbound,
    allowPrivate: rule.private,
  };
}

function refused({ host }: Target): CausewayError {
  return new CausewayError("target_refused", `Cannot dial "${host}": a rule rejects it`);
}
