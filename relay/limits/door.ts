// Who may come in at all, before a byte is read: denied addresses, too many arrivals, of all or of one address. Pure but for
// the counts it keeps; time comes in as an argument.

import { ACCOUNT_LIMITS } from "../../shared/limits.ts";
import { CidrSet } from "../../shared/net/cidr-set.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { ClientTable, type RateLimit, RateWindow } from "../../shared/net/rate-window.ts";

/** Who counts arrivals where several threads let clients in. */
export interface Arrivals {
  takesAnother(): boolean;
  takesAnotherOf(address: string): boolean;
}

export interface DoorOptions {
  /** Ranges of addresses that nobody serves. */
  readonly deny: readonly string[];
  /** Connections of all clients together. */
  readonly acceptRate?: RateLimit | undefined;
  /** Connections of one client address. */
  readonly clientAcceptRate?: RateLimit | undefined;
  /** Absent: they are counted here. */
  readonly arrivals?: Arrivals | undefined;
}

export class Door {
  readonly #denied: CidrSet | undefined;
  readonly #options: DoorOptions;
  readonly #arrivals: RateWindow;
  readonly #clients: ClientTable<RateWindow>;

  /** `before`: what has arrived there counts here; a reload must not let everybody in anew. */
  constructor(options: DoorOptions, before?: Door) {
    this.#options = options;
    this.#arrivals = before === undefined ? new RateWindow() : before.#arrivals;
    this.#clients = before === undefined ? new ClientTable(ACCOUNT_LIMITS.CLIENTS_MAX) : before.#clients;
    this.#denied = options.deny.length === 0 ? undefined : new CidrSet(options.deny);
  }

  denies(address: string): boolean {
    return this.#denied?.has(address) ?? false;
  }

  /** Counts an arrival; false when too many have come. */
  takesAnother(now: number): boolean {
    const { acceptRate, arrivals } = this.#options;
    if (acceptRate === undefined) return true;
    return arrivals?.takesAnother() ?? this.#arrivals.take(acceptRate, now).admitted;
  }

  /**
   * Counts an arrival of one address (IPv6: of its /64); false when it has come too often. Then it is none of all clients
   * either: one that hammers would keep all others out.
   */
  takesAnotherOf(address: string, now: number): boolean {
    const { clientAcceptRate, arrivals } = this.#options;
    if (clientAcceptRate === undefined) return true;
    if (arrivals !== undefined) return arrivals.takesAnotherOf(address);
    const network = clientNetwork(address);
    let window = this.#clients.get(network);
    if (window === undefined) {
      window = new RateWindow();
      this.#clients.set(network, window);
    }
    const { admitted } = window.take(clientAcceptRate, now);
    if (!admitted) this.#arrivals.giveBack(1);
    return admitted;
  }
}
