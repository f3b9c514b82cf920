// Names to addresses on the relay: the hosts file, then c-ares, whose answers are kept for their TTL within bounds. Not
// dns.lookup: it has no TTL and waits in the same thread pool as scrypt.

import { Resolver } from "node:dns/promises";
import type { DnsConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { countDns } from "./dns-counts.ts";
import { HostsFile } from "./hosts-file.ts";
import { dialErrorCode } from "./outbound.ts";

interface Answer {
  readonly address: string;
  /** Seconds. */
  readonly ttl: number;
}

/** Asks name servers for one family; fails with the codes of node:dns. */
export type Query = (name: string, family: 4 | 6) => Promise<readonly Answer[]>;

/** What is known of a name: its addresses, or none if it does not exist. */
interface Known {
  readonly addresses: readonly string[];
  readonly expiresAt: number;
}

/** What the configuration says about resolving names. */
export type ResolverConfig = Pick<DnsConfig, "family" | "min_ttl" | "max_ttl">;

export interface NameResolverOptions {
  readonly config: ResolverConfig;
  readonly query: Query;
  readonly hosts: Pick<HostsFile, "lookup">;
  readonly now: () => number;
}

const DEFAULTS: ResolverConfig = {
  family: "ipv6_first",
  min_ttl: RELAY_LIMITS.DNS_TTL_MIN_MS,
  max_ttl: RELAY_LIMITS.DNS_TTL_MAX_MS,
};

export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<Known>>();

  constructor(options: Partial<NameResolverOptions> = {}) {
    this.#options = {
      config: options.config ?? DEFAULTS,
      query: options.query ?? queryNameServers([]),
      hosts: options.hosts ?? new HostsFile(),
      now: options.now ?? (() => performance.now()),
    };
  }

  /** The resolver that [relay.dns] describes. */
  static of(config: DnsConfig): NameResolver {
    const hosts = new HostsFile(config.hosts_file);
    return new NameResolver({ config, hosts, query: queryNameServers(config.servers) });
  }

  /**
   * The addresses of `name`: from the hosts file in its order, from name servers with the families alternating.
   * @throws CausewayError `name_unknown`, or `name_unresolved` when the name servers fail
   */
  async resolve(name: string): Promise<readonly string[]> {
    const key = name.toLowerCase().replace(/\.$/, "");
    const listed = await this.#options.hosts.lookup(key);
    const { family } = this.#options.config;
    const addresses =
      listed === undefined
        ? (this.#recall(key) ?? (await this.#ask(key))).addresses
        : listed.filter((address) => family !== (address.includes(":") ? "ipv4" : "ipv6"));
    if (addresses.length === 0) throw new CausewayError("name_unknown");
    return addresses;
  }

  #recall(key: string): Known | undefined {
    const known = this.#known.get(key);
    if (known === undefined) return undefined;
    this.#known.delete(key);
    if (known.expiresAt <= this.#options.now()) return undefined;
    this.#known.set(key, known);
    countDns("hits");
    return known;
  }

  #ask(key: string): Promise<Known> {
    const pending = this.#underWay.get(key);
    if (pending !== undefined) return pending;
    const asking = this.#query(key).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    return asking;
  }

  async #query(key: string): Promise<Known> {
    const { query, now, config } = this.#options;
    const [six, four] = await bothFamilies(
      config.family === "ipv4" ? noSuchFamily() : query(key, 6),
      config.family === "ipv6" ? noSuchFamily() : query(key, 4),
    );
    const answers = [six, four].flatMap((outcome) =>
      outcome !== "late" && outcome.status === "fulfilled" ? outcome.value : [],
    );
    if (answers.length === 0) {
      const cause = [six, four].find((outcome) => !saysUnknown(outcome));
      if (cause !== undefined) {
        countDns("failed");
        throw new CausewayError("name_unresolved", undefined, { cause });
      }
    }
    countDns(answers.length === 0 ? "unknown" : "answered");
    const ttlMs = Math.min(...answers.map(({ ttl }) => ttl * 1_000));
    const keepMs =
      answers.length === 0
        ? RELAY_LIMITS.DNS_NEGATIVE_TTL_MS
        : Math.min(Math.max(ttlMs, config.min_ttl), config.max_ttl);
    const addresses = alternate(
      answers.map(({ address }) => address),
      config.family,
    ).slice(0, RELAY_LIMITS.DNS_ADDRESSES_MAX);
    const known = { addresses, expiresAt: now() + keepMs };
    this.#remember(key, known);
    return known;
  }

  #remember(key: string, known: Known): void {
    this.#known.set(key, known);
    if (this.#known.size <= RELAY_LIMITS.DNS_CACHE_ENTRIES) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** What became of one family's query; "late" when it was not waited for. */
type Outcome = PromiseSettledResult<readonly Answer[]> | "late";

/** Whether the name servers said that there is no such name, or none of this family. */
function saysUnknown(outcome: Outcome): boolean {
  return (
    outcome !== "late" && outcome.status === "rejected" && dialErrorCode(outcome.reason) === "name_unknown"
  );
}

/** What name servers say of a family that a name has no addresses in. */
function noSuchFamily(): Promise<never> {
  return Promise.reject(Object.assign(new Error("The family is not asked for"), { code: "ENODATA" }));
}

/** Both outcomes; once one family has addresses the other gets a short while (RFC 8305 section 3). */
async function bothFamilies(
  six: Promise<readonly Answer[]>,
  four: Promise<readonly Answer[]>,
): Promise<[Outcome, Outcome]> {
  const outcomes: [Outcome, Outcome] = ["late", "late"];
  const over = Promise.withResolvers<void>();
  const timers = [setTimeout(over.resolve, RELAY_LIMITS.DNS_TIMEOUT_MS)];
  const settling = [six, four].map(async (query, index) => {
    const [outcome] = await Promise.allSettled([query]);
    if (outcome === undefined) return;
    outcomes[index] = outcome;
    if (outcome.status === "fulfilled")
      timers.push(setTimeout(over.resolve, RELAY_LIMITS.DNS_OTHER_FAMILY_MS));
  });
  await Promise.race([Promise.all(settling), over.promise]);
  for (const timer of timers) clearTimeout(timer);
  return [...outcomes];
}

/** The families in turn, so that a broken one costs one head start only (RFC 8305 section 4). */
function alternate(addresses: readonly string[], family: ResolverConfig["family"]): string[] {
  const six = addresses.filter((address) => address.includes(":"));
  const four = addresses.filter((address) => !address.includes(":"));
  const [first, second] = family === "ipv4_first" ? [four, six] : [six, four];
  const longer = Math.max(six.length, four.length);
  return Array.from({ length: longer }, (_, index) => [first[index], second[index]])
    .flat()
    .filter((address) => address !== undefined);
}

/** `servers`: addresses with or without ports; empty: the system's. */
function queryNameServers(servers: readonly string[]): Query {
  let resolver = new Resolver();
  let madeAt = Number.NEGATIVE_INFINITY;
  return (name, family) => {
    // A resolver reads the system's name servers once, but a machine changes networks.
    if (performance.now() - madeAt > RELAY_LIMITS.NAME_SERVERS_MAX_AGE_MS) {
      resolver = new Resolver({ timeout: RELAY_LIMITS.DNS_TIMEOUT_MS / 2, tries: 2 });
      if (servers.length > 0) resolver.setServers(servers);
      madeAt = performance.now();
    }
    return family === 6 ? resolver.resolve6(name, { ttl: true }) : resolver.resolve4(name, { ttl: true });
  };
}
