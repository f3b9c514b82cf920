// The outbound that dials the target itself: names are resolved here, every address is judged, and only those that pass are
// dialled, as literals. So what was judged is what is reached, whatever a name server says a moment later.

import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatIp, parseHostLiteral, parseIp } from "../../shared/net/address.ts";
import type { DialOptions, Outbound, Target } from "./outbound.ts";
import { RACE_DEFAULTS, raceToConnect } from "./race.ts";
import { NameResolver } from "./resolver.ts";

export class DirectOutbound implements Outbound {
  readonly #resolver: Pick<NameResolver, "resolve">;

  constructor(resolver: Pick<NameResolver, "resolve"> = new NameResolver()) {
    this.#resolver = resolver;
  }

  async connect({ host, port }: Target, { refusal, signal }: DialOptions): Promise<Socket> {
    const permitted: string[] = [];
    let why: string | undefined;
    for (const address of await this.#addressesOf(host)) {
      const ip = parseIp(address);
      const refused = ip === undefined ? "not an address" : refusal(ip, port);
      if (refused === undefined) permitted.push(address);
      else why ??= refused;
    }
    if (permitted.length === 0) {
      throw new CausewayError("target_refused", `Cannot dial "${host}": ${why ?? "it has no address"}`);
    }
    const addresses = permitted.slice(0, RELAY_LIMITS.ADDRESSES_MAX);
    return raceToConnect(addresses, port, { ...RACE_DEFAULTS, signal });
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    const literal = parseHostLiteral(host);
    if (literal === undefined) return this.#resolver.resolve(host);
    if (literal === "invalid") throw new CausewayError("name_unknown");
    return [formatIp(literal)];
  }
}
