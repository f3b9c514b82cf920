// The outbound that dials the target itself: names are resolved here, every address is judged, and only those that pass are
// dialled, as literals. So what was judged is what is reached, whatever a name server says a moment later.

import { connect, isIPv6, type Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatIp, parseHostLiteral, parseIp } from "../../shared/net/address.ts";
import type { DialOptions, Outbound, Target } from "./outbound.ts";
import { RACE_DEFAULTS, type RaceOptions, raceToConnect } from "./race.ts";
import { NameResolver } from "./resolver.ts";

export interface DirectOptions {
  readonly resolver?: Pick<NameResolver, "resolve">;
  /** Local addresses to dial from, at most one per family; a family without one is then not dialled. Empty: any. */
  readonly bind?: readonly string[];
}

export class DirectOutbound implements Outbound {
  readonly #resolver: Pick<NameResolver, "resolve">;
  readonly #bind: readonly string[];
  readonly #open: RaceOptions["open"];

  constructor({ resolver = new NameResolver(), bind = [] }: DirectOptions = {}) {
    this.#resolver = resolver;
    this.#bind = bind;
    this.#open = bind.length === 0 ? RACE_DEFAULTS.open : (address, port) => openFrom(bind, address, port);
  }

  async connect(target: Target, options: DialOptions): Promise<Socket> {
    const addresses = await this.reach(target, options);
    return raceToConnect(addresses, target.port, {
      ...RACE_DEFAULTS,
      open: this.#open,
      signal: options.signal,
    });
  }

  async reach(target: Target, { refusal }: DialOptions): Promise<readonly string[]> {
    const { host, port } = target;
    const permitted: string[] = [];
    let why: string | undefined;
    for (const address of target.addresses ?? (await addressesOf(host, this.#resolver))) {
      const ip = parseIp(address);
      const refused = ip === undefined ? "not an address" : refusal(ip, port);
      if (refused === undefined) permitted.push(address);
      else why ??= refused;
    }
    if (permitted.length === 0) {
      throw new CausewayError("target_refused", `Cannot dial "${host}": ${why ?? "it has no address"}`);
    }
    const dialled = permitted.filter((address) => sourceFor(this.#bind, address) !== undefined);
    if (dialled.length === 0) throw new CausewayError("network_unreachable");
    return dialled.slice(0, RELAY_LIMITS.ADDRESSES_MAX);
  }
}

/**
 * The addresses of a name or of a literal in any spelling.
 * @throws CausewayError `name_unknown` or `name_unresolved`
 */
export async function addressesOf(
  host: string,
  resolver: Pick<NameResolver, "resolve">,
): Promise<readonly string[]> {
  const literal = parseHostLiteral(host);
  if (literal === undefined) return resolver.resolve(host);
  if (literal === "invalid") throw new CausewayError("name_unknown");
  return [formatIp(literal)];
}

/** The local address for dialling `address`: "" for any, undefined when none is of its family. */
function sourceFor(bind: readonly string[], address: string): string | undefined {
  return bind.length === 0 ? "" : bind.find((source) => isIPv6(source) === isIPv6(address));
}

function openFrom(bind: readonly string[], host: string, port: number): Socket {
  const localAddress = sourceFor(bind, host);
  return connect({
    host,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: false,
  });
}
