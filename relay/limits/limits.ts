// The limits of a relay as its inbounds use them: who may come in, who pays for a connection, and what its bytes cost. Where
// nothing is configured nothing is kept, and connections carry no tab.

import type { RelayConfig } from "../../shared/config/schema.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import { RELAY_QUOTA_LIMITS } from "../../shared/limits.ts";
import type { EmitEvent } from "../events.ts";
import type { UserTermsStats } from "../metrics/stats.ts";
import type { Account, AccountKind, AccountShare, AccountTerms } from "./account.ts";
import { Accounts, type UserTerms } from "./accounts.ts";
import { type Arrivals, Door } from "./door.ts";
import type { PacingClock } from "./fair-share.ts";
import { QuotaFile } from "./quota-file.ts";
import type { LeaseRequest, Purse, QuotaStore } from "./quota-lease.ts";
import { Tab } from "./tab.ts";

/** A connection's place, as limits see it. */
export interface LimitedPlace {
  /** Ends the connection. */
  end(): void;
  /** Calls `after` once the place is left; at once when it has been. */
  onLeave(after: () => void): void;
}

/** The keys of [relay] that limits read. */
export type LimitsConfig = Pick<RelayConfig, "users" | "state" | "deny" | "accept_rate" | "per_client">;

/** What the limits of one thread have in common with those of the others. */
export interface SharedLimits extends Arrivals {
  account(kind: AccountKind, name: string): AccountShare;
  /** A clock that all threads read alike. */
  readonly pacing: PacingClock;
  /** Client addresses kept at hand in one thread. */
  readonly clientsMax: number;
}

export interface LimitsDeps {
  readonly emit: EmitEvent;
  /** In a thread of several; quotas are kept elsewhere then. */
  readonly shared?: SharedLimits | undefined;
  /** Where several threads serve connections, and quotas are kept here: where their leases lie. */
  readonly purse?: ((kind: AccountKind, name: string) => Purse) | undefined;
}

export class Limits {
  #door: Door;
  #config: LimitsConfig;
  readonly #emit: EmitEvent;
  readonly #shared: SharedLimits | undefined;
  readonly #accounts: Accounts;
  readonly #tabs = new WeakMap<LimitedPlace, Tab>();
  #file: QuotaFile | undefined;
  #failedReportedAt = Number.NEGATIVE_INFINITY;

  constructor(config: LimitsConfig, { emit, shared, purse }: LimitsDeps) {
    this.#config = config;
    this.#emit = emit;
    this.#shared = shared;
    this.#door = doorOf(config, shared);
    this.#accounts = new Accounts(termsOf(config), {
      store: this.#store,
      onEnded: ({ kind, name }, code, connections) =>
        this.#emit({ type: "account_ended", account: `${kind} ${name}`, code, connections }),
      ...(shared && {
        share: (kind, name) => shared.account(kind, name),
        pacing: shared.pacing,
        clientsMax: shared.clientsMax,
      }),
      purse,
    });
  }

  get door(): Door {
    return this.#door;
  }

  /**
   * Takes over another configuration: connections of users that are gone or over end, other terms hold from now on, and
   * for connections that nobody metered from their next beginning. The state directory stays until the next start.
   * @throws Error as `open`; nothing has changed then
   */
  async reload(config: LimitsConfig): Promise<void> {
    await this.open(config);
    this.#config = config;
    this.#door = doorOf(config, this.#shared, this.#door);
    this.#accounts.setTerms(termsOf(config));
  }

  /**
   * Opens what survives restarts, if a quota needs it.
   * @throws Error when it cannot be opened
   */
  async open(config = this.#config): Promise<void> {
    if (this.#file !== undefined || this.#shared !== undefined || !hasQuotas(config)) return;
    this.#file = await QuotaFile.open({
      state: config.state,
      now: Date.now(),
      onFailed: (why) => this.#reportFailed(why),
    });
  }

  /** Gives back what was leased and not used. Connections must have ended. */
  close(): void {
    this.#accounts.close();
    this.#file?.close();
    this.#file = undefined;
  }

  /** Gives a client's connection its seat with the address; false when all are taken. */
  seatsClient(place: LimitedPlace, address: string): boolean {
    const account = this.#accounts.client(address);
    return account === undefined || this.#newTab(place, account).sitsClient();
  }

  /** Has a UDP session of an address counted and paced; it takes no seat: anybody can send in another's name. */
  meterClient(place: LimitedPlace, address: string): Tab | undefined {
    const account = this.#accounts.client(address);
    if (account === undefined) return undefined;
    this.#newTab(place, account);
    return this.meterOf(place);
  }

  /**
   * Says that `user` pays for what a connection does from now on; "" is nobody.
   * @throws CausewayError `user_expired`, `traffic_exceeded`, `connections_exceeded`
   */
  admit(place: LimitedPlace, user: string): void {
    const known = this.#tabs.get(place);
    if (user === "") {
      known?.admit(undefined);
      return;
    }
    const tab = known ?? this.#newTab(place, undefined);
    tab.admit(this.#accounts.user(user));
  }

  /** The account of a user or of a client's network, for those who keep it in the name of other threads. */
  account(kind: AccountKind, name: string): Account | undefined {
    return this.#accounts.of(kind, name);
  }

  /** What each user of the configuration may do, and what is left of it. */
  userTerms(): UserTermsStats[] {
    return this.#config.users.map(({ name, max_connections, rate, quota, expires }) => {
      const left = quota && this.#accounts.user(name)?.quotaLeft;
      return {
        user: name,
        ...(max_connections !== undefined && { max_connections }),
        ...(rate !== undefined && { rate }),
        ...(expires !== undefined && { expires_at: expires }),
        ...(quota && {
          quota: { limit: quota.bytes, period: quota.period, ...(left !== undefined && { left }) },
        }),
      };
    });
  }

  /** A client's network has not been heard of for long. */
  forget(network: string): void {
    this.#accounts.forget(network);
  }

  /** Ends the connections of an account that is over elsewhere. */
  end(kind: AccountKind, name: string, code: ErrorCode): void {
    this.#accounts.end(kind, name, code);
  }

  /** What a connection has to pay for, if its bytes cost anything. */
  meterOf(place: LimitedPlace): Tab | undefined {
    const tab = this.#tabs.get(place);
    return tab?.isMetered ? tab : undefined;
  }

  /** Whether a connection was ended for what its payers may do. */
  wasEnded(place: LimitedPlace): boolean {
    return this.#tabs.get(place)?.isOver ?? false;
  }

  #newTab(place: LimitedPlace, client: Account | undefined): Tab {
    const tab = new Tab(place, client);
    this.#tabs.set(place, tab);
    place.onLeave(() => tab.leave());
    return tab;
  }

  /** Accounts are made before the file is open. */
  readonly #store: QuotaStore = {
    lease: (request: LeaseRequest) => this.#file?.lease(request),
    usage: (request) => this.#file?.usage(request),
    giveBack: (lease, bytes) => this.#file?.giveBack(lease, bytes),
  };

  #reportFailed(why: string): void {
    const now = performance.now();
    if (now - this.#failedReportedAt < RELAY_QUOTA_LIMITS.REPORT_INTERVAL_MS) return;
    this.#failedReportedAt = now;
    this.#emit({ type: "quotas_failed", why });
  }
}

function doorOf(
  { deny, accept_rate: acceptRate, per_client }: LimitsConfig,
  arrivals: Arrivals | undefined,
  before?: Door,
): Door {
  return new Door({ deny, acceptRate, clientAcceptRate: per_client.accept_rate, arrivals }, before);
}

function hasQuotas({ users, per_client }: LimitsConfig): boolean {
  return per_client.quota !== undefined || users.some(({ quota }) => quota !== undefined);
}

function termsOf({ users, per_client }: LimitsConfig): {
  users: UserTerms[];
  perClient: AccountTerms | undefined;
} {
  const { max_connections: maxConnections, rate, quota } = per_client;
  const isBounded = maxConnections !== undefined || rate !== undefined || quota !== undefined;
  return {
    users: users.map(({ name, max_connections, rate, quota, expires }) => ({
      name,
      maxConnections: max_connections,
      rate,
      quota,
      expires,
    })),
    perClient: isBounded ? { maxConnections, rate, quota } : undefined,
  };
}
