// The relay's ways out together: built from the configuration, chosen by its rules for each connection. What an inbound gets
// is an outbound like any other, with that inbound's name bound to it.

import type { Socket } from "node:net";
import type { OutboundConfig, RelayConfig } from "../../shared/config/schema.ts";
import { type Asker, DIRECT, type Route, RuleTable } from "../rules.ts";
import type { Tunnels } from "../tunnel/tunnels.ts";
import { ChainedOutbound } from "./chained.ts";
import { addressesOf, DirectOutbound } from "./direct.ts";
import { HttpConnectClient } from "./http-client.ts";
import {
  type DatagramWay,
  type DialOptions,
  datagramWayOf,
  type Outbound,
  type Refusal,
  type Target,
} from "./outbound.ts";
import { NameResolver } from "./resolver.ts";
import { fitsSocks4, Socks4Client, Socks5Client } from "./socks-client.ts";
import { UdpackOutbound } from "./udpack.ts";

export interface RouterOptions {
  /** Judges upstream proxies' own addresses. */
  readonly serverRefusal: Refusal;
  readonly resolver?: Pick<NameResolver, "resolve">;
  /** The tunnels that outbounds ride. */
  readonly tunnels: Pick<Tunnels, "of">;
}

export class Router {
  readonly #rules: RuleTable;
  readonly #resolver: Pick<NameResolver, "resolve">;
  readonly #outbounds = new Map<string, Outbound>();

  /** The configuration is one that `parseConfig` accepted: every name in it leads somewhere, and no chain is a ring. */
  constructor(config: Pick<RelayConfig, "outbounds" | "rules" | "dns">, options: RouterOptions) {
    this.#rules = new RuleTable(config.rules);
    this.#resolver = options.resolver ?? NameResolver.of(config.dns);
    this.#outbounds.set(DIRECT, new DirectOutbound({ resolver: this.#resolver }));
    const waiting = new Map(config.outbounds.map((outbound) => [outbound.name, outbound]));
    for (const { name } of config.outbounds) this.#build(name, waiting, options);
  }

  /** The way out of one inbound; `inbound` are the names that rules may know it by. */
  forInbound(inbound: readonly string[]): Outbound {
    const choose = (target: Target, { user }: DialOptions) => this.#choose(target, { inbound, user });
    return {
      async connect(target: Target, options: DialOptions): Promise<Socket> {
        const { outbound, route } = await choose(target, options);
        return outbound.connect(narrowed(target, route, outbound), permitted(options, route));
      },
      async reach(target: Target, options: DialOptions): Promise<readonly string[]> {
        const { outbound, route } = await choose(target, options);
        return outbound.reach(narrowed(target, route, outbound), permitted(options, route));
      },
      async datagramWay(target: Target, options: DialOptions): Promise<DatagramWay> {
        const { outbound, route } = await choose(target, options);
        return datagramWayOf(outbound, narrowed(target, route, outbound), permitted(options, route));
      },
      carriesDatagrams: (user: string) =>
        this.#rules.ways({ inbound, user }).some((name) => this.#find(name).carriesDatagrams?.(user) ?? true),
    };
  }

  async #choose(target: Target, asker: Asker): Promise<{ outbound: Outbound; route: Route }> {
    const resolve = async () => target.addresses ?? addressesOf(target.host, this.#resolver);
    const route = await this.#rules.route(target, asker, resolve);
    return { outbound: this.#find(route.outbound), route };
  }

  #find(name: string): Outbound {
    const outbound = this.#outbounds.get(name);
    if (outbound === undefined) throw new RangeError(`Cannot use the outbound "${name}": there is none`);
    return outbound;
  }

  /** Builds an outbound and, before it, what it is reached through. */
  #build(name: string, waiting: Map<string, OutboundConfig>, options: RouterOptions): Outbound {
    const config = waiting.get(name);
    if (config === undefined) return this.#find(name);
    waiting.delete(name);
    const via = "via" in config ? this.#build(config.via, waiting, options) : this.#find(DIRECT);
    const outbound = this.#create(config, via, options);
    this.#outbounds.set(name, outbound);
    return outbound;
  }

  #create(config: OutboundConfig, via: Outbound, { serverRefusal, tunnels }: RouterOptions): Outbound {
    if (config.kind === "direct") return new DirectOutbound({ resolver: this.#resolver, bind: config.bind });
    if (config.kind === "udpack") return new UdpackOutbound(() => tunnels.of(config));
    const { server } = config;
    return new ChainedOutbound({
      server: { host: server.host, port: server.first },
      tls: config.kind === "http" && config.tls,
      via,
      serverRefusal,
      machineFor: (target) => machineFor(config, target),
    });
  }
}

function machineFor(config: Extract<OutboundConfig, { kind: "socks" | "http" }>, target: Target) {
  const { user, password = "" } = config;
  const credentials = user === undefined ? undefined : { user, password };
  if (config.kind === "http") return new HttpConnectClient(target, credentials);
  if (config.version === "5") return new Socks5Client(target, credentials);
  return fitsSocks4(target) ? new Socks4Client(target, user ?? "") : undefined;
}

function narrowed(target: Target, { addresses, resolved }: Route, outbound: Outbound): Target {
  const dialled = outbound instanceof DirectOutbound ? resolved : addresses;
  return dialled === undefined ? target : { ...target, addresses: dialled };
}

function permitted(options: DialOptions, { allowPrivate }: Route): DialOptions {
  if (!allowPrivate) return options;
  return { ...options, refusal: (ip, port) => options.refusal(ip, port, true) };
}
