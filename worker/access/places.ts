// The places of a host under max_connections: counted in this isolate, or with scope = "global" leased from the host's
// object. An isolate lets in whom it has a leased place for, asks for more when it has none left, and gives back what it
// does not need. While the object does not answer the last lease goes on.

import type { HostConfig } from "../../shared/config/schema.ts";
import { ACCESS_LIMITS, LEASE_LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "../directory/deadline.ts";
import type { Env } from "../env.ts";
import type { Lease } from "../limits/lease-book.ts";
import { leaseHolder } from "./holder.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { serviceOf } from "./service.ts";

export class Places {
  readonly #service: string;
  readonly #asking = new OneAtATime(LEASE_LIMITS.ASK_DEADLINE_MS);
  #limit = 0;
  #isLeased = false;
  #active = 0;
  #places = 0;
  #until = Number.NEGATIVE_INFINITY;
  #seq = 0;
  /** The object has given whatever it was asked for last. */
  #gaveAll = false;
  /** Nobody asks for more before this: the object had nothing to give. */
  #refusedUntil = Number.NEGATIVE_INFINITY;
  /** Nobody asks anything before this: the object did not answer. */
  #retryAt = Number.NEGATIVE_INFINITY;
  #failing = false;
  /** Places were taken since the last round. */
  #isBusy = false;

  constructor(service: string) {
    this.#service = service;
  }

  /** Takes over what the configuration says now; who is in stays in. */
  configure(limit: number, isLeased: boolean): void {
    this.#limit = limit;
    this.#isLeased = isLeased;
  }

  /** Places in use. */
  get active(): number {
    return this.#active;
  }

  /** Whether somebody may come in now. */
  hasRoom(now: number): boolean {
    if (!this.#isLeased) return this.#active < this.#limit;
    // A request may have come in before the answer that it waited for.
    const isHeld = this.#failing || isAhead(this.#until, now, 2 * LEASE_LIMITS.LEASE_MS);
    const places = isHeld ? this.#places : 0;
    return this.#active < Math.min(places, this.#limit);
  }

  take(): void {
    this.#active++;
    this.#isBusy = true;
  }

  give(): void {
    this.#active--;
  }

  /** Asks the object for more places, unless it has just refused; true if there is room now, or may be if asked again. */
  async more(env: Env, ctx: ExecutionContext): Promise<boolean> {
    if (!this.#isLeased) return false;
    const now = Date.now();
    const pausedUntil = Math.max(this.#refusedUntil, this.#retryAt);
    if (isAhead(pausedUntil, now, LEASE_LIMITS.RETRY_MS) || this.#asking.isFull) return false;
    await this.#asking.run(ctx, () => this.#ask(env, this.#active + this.#share));
    // Others may have been quicker to take what came: that is no refusal.
    if (this.hasRoom(Date.now()) || this.#gaveAll) return true;
    this.#refusedUntil = Date.now() + LEASE_LIMITS.REFUSED_MS;
    return false;
  }

  /** True while the object has to be told something, now or later. */
  get holdsLease(): boolean {
    return this.#places > 0 && (this.#failing || this.#until > Date.now());
  }

  /** Renews the lease in time, and gives back what this isolate does not need. Never rejects. */
  async round(env: Env): Promise<void> {
    const now = Date.now();
    const wanted = this.#isLeased ? this.#active + (this.#isBusy ? this.#share : 0) : 0;
    this.#isBusy = false;
    const leftMs = this.#until - now;
    const isDue = leftMs < LEASE_LIMITS.RENEW_MS || leftMs > LEASE_LIMITS.LEASE_MS;
    const isPaused = isAhead(this.#retryAt, now, LEASE_LIMITS.RETRY_MS) || this.#asking.isBusy;
    if (isPaused || (wanted >= this.#places && !isDue)) return;
    await this.#ask(env, Math.min(wanted, this.#places));
  }

  /** What is asked for beyond what is in use: few enough calls for a busy host, little held back from others. */
  get #share(): number {
    return Math.max(1, Math.floor(this.#limit / LEASE_LIMITS.SHARES));
  }

  async #ask(env: Env, wanted: number): Promise<void> {
    const askedAt = Date.now();
    const seq = ++this.#seq;
    // What is about to be given back must not be taken any more.
    this.#places = Math.min(this.#places, Math.max(wanted, this.#active));
    try {
      const object = env.LIMITS.getByName(this.#service);
      const request = { holder: leaseHolder(), seq, limit: this.#limit, used: this.#active, wanted };
      const lease: Lease = await withDeadline(object.lease(request), LEASE_LIMITS.ASK_DEADLINE_MS);
      if (seq !== this.#seq) return;
      this.#failing = false;
      this.#places = lease.places;
      this.#gaveAll = lease.places >= wanted;
      this.#until = askedAt + lease.lasts_ms;
    } catch {
      this.#failing = true;
      this.#gaveAll = false;
      this.#places ||= this.#share;
      this.#retryAt = Date.now() + LEASE_LIMITS.RETRY_MS;
    }
  }
}

/** Whether a time is still to come; one that is further off than it was set has been left behind by a clock that went back. */
function isAhead(time: number, now: number, maxMs: number): boolean {
  return time > now && time - now <= maxMs;
}

/** By service, so that a push neither forgets who is in nor lets others in beside them. */
const hosts = new Map<string, Places>();
/** Those that may hold a lease. */
const leasing = new Set<Places>();

/** The places of a host. To be called once per configuration. */
export function placesOf(config: HostConfig): Places {
  const service = serviceOf(config);
  const known = hosts.get(service);
  const places = known ?? new Places(service);
  const isLeased = config.scope === "global";
  places.configure(config.max_connections, isLeased);
  if (isLeased) leasing.add(places);
  if (known) return known;
  if (hosts.size >= ACCESS_LIMITS.HOSTS_MAX) forgetEmpty();
  hosts.set(service, places);
  return places;
}

function forgetEmpty(): void {
  for (const [service, places] of hosts) {
    if (places.active > 0 || places.holdsLease) continue;
    hosts.delete(service);
    leasing.delete(places);
  }
}

/** True while some lease is held: then somebody has to call `tendLeases` about once a second. */
export function holdsLeases(): boolean {
  for (const places of leasing) if (places.holdsLease) return true;
  return false;
}

/** Renews the isolate's leases and gives back what it does not need. Never rejects. */
export async function tendLeases(env: Env): Promise<void> {
  const all = [...leasing].filter((places) => places.holdsLease);
  for (let at = 0; at < all.length; at += LEASE_LIMITS.AT_ONCE)
    await Promise.all(all.slice(at, at + LEASE_LIMITS.AT_ONCE).map((places) => places.round(env)));
}
