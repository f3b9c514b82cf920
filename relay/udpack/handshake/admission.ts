// Whether a server under load looks at an initiation (docs/UDPACK.md section 3.1, step 3): all that are over the rate must
// prove their address, and then one network cannot take the others' share. Time comes in as an argument.

import { UDPACK_HANDSHAKE_LIMITS } from "../../../shared/limits.ts";
import { canonicalIp } from "../../../shared/net/address.ts";
import { clientNetwork } from "../../../shared/net/client-network.ts";
import { ClientTable, RateWindow } from "../../../shared/net/rate-window.ts";

const WINDOW_MS = 1_000;
const UNPROVEN = { count: UDPACK_HANDSHAKE_LIMITS.UNPROVEN_PER_SECOND, windowMs: WINDOW_MS };
const PROVEN = { count: UDPACK_HANDSHAKE_LIMITS.PROVEN_PER_SECOND, windowMs: WINDOW_MS };
const PER_NETWORK = { count: UDPACK_HANDSHAKE_LIMITS.PROVEN_PER_NETWORK_PER_SECOND, windowMs: WINDOW_MS };

export class Admission {
  readonly #unproven = new RateWindow();
  readonly #proven = new RateWindow();
  readonly #networks = new ClientTable<RateWindow>(UDPACK_HANDSHAKE_LIMITS.NETWORKS_COUNTED_MAX);

  /** Counts an initiation; false when the server is under load. */
  admitsAny(now: number): boolean {
    return this.#unproven.take(UNPROVEN, now).admitted;
  }

  /** Counts an initiation whose address is proven; false when its network or all of them had their share. */
  admitsProven(address: string, now: number): boolean {
    const network = clientNetwork(canonicalIp(address) ?? address);
    let window = this.#networks.get(network);
    if (!window) {
      window = new RateWindow();
      this.#networks.set(network, window);
    }
    return window.take(PER_NETWORK, now).admitted && this.#proven.take(PROVEN, now).admitted;
  }
}
