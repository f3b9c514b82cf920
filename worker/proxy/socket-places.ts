// The places of a host for metered WebSockets in this isolate: how many are open in all, and per client network. A place
// lapses unless its socket shows itself, so that one whose context died without a word is not held for ever.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { ACCESS_LIMITS, PROXY_LIMITS } from "../../shared/limits.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { serviceOf } from "../access/service.ts";
import type { Gate, SocketPlace, SocketPlaces } from "./call.ts";

interface Bounds {
  readonly max: number;
  readonly perClientMax: number;
}

class Place implements SocketPlace {
  readonly client: string;
  until: number;
  readonly #places: Sockets;
  #given = false;

  constructor(places: Sockets, client: string, until: number) {
    this.#places = places;
    this.client = client;
    this.until = until;
  }

  keep(until: number): void {
    this.until = until;
    // One that lapsed while its context stood still comes back, even beyond the bound: the socket is there.
    if (!this.#given) this.#places.hold(this);
  }

  give(): void {
    this.#given = true;
    this.#places.drop(this);
  }
}

export class Sockets implements SocketPlaces {
  #bounds: Bounds;
  readonly #open = new Set<Place>();
  /** Places per client network; never more entries than places. */
  readonly #perClient = new Map<string, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Takes over what the configuration says now; open sockets stay. */
  configure(bounds: Bounds): void {
    this.#bounds = bounds;
  }

  /** Places in use. */
  get active(): number {
    return this.#open.size;
  }

  check(clientIp: string, now: number): void {
    const client = clientNetwork(clientIp);
    const refusal = this.#refusal(client);
    if (refusal === undefined) return;
    this.#sweep(now);
    const still = this.#refusal(client);
    if (still) throw new CausewayError(still);
  }

  take(clientIp: string, now: number, until: number): SocketPlace {
    this.check(clientIp, now);
    const place = new Place(this, clientNetwork(clientIp), until);
    this.hold(place);
    return place;
  }

  hold(place: Place): void {
    if (this.#open.has(place)) return;
    this.#open.add(place);
    this.#perClient.set(place.client, (this.#perClient.get(place.client) ?? 0) + 1);
  }

  drop(place: Place): void {
    if (!this.#open.delete(place)) return;
    const left = (this.#perClient.get(place.client) ?? 0) - 1;
    if (left > 0) this.#perClient.set(place.client, left);
    else this.#perClient.delete(place.client);
  }

  #refusal(client: string): ErrorCode | undefined {
    if (this.#open.size >= this.#bounds.max) return "too_many_connections";
    if ((this.#perClient.get(client) ?? 0) >= this.#bounds.perClientMax) return "too_many_sockets";
    return undefined;
  }

  /** Not at each refusal: whoever is refused could otherwise make the isolate look through all places again and again. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < PROXY_LIMITS.SOCKET_SWEEP_INTERVAL_MS) return;
    this.#sweptAt = now;
    for (const place of this.#open) if (place.until < now) this.drop(place);
  }
}

/** By service, so that a push forgets no open socket. */
const hosts = new Map<string, Sockets>();

/** The places of a host; undefined where its configuration bounds nothing beyond its max_connections. */
export function socketPlacesOf(config: HostConfig): Sockets | undefined {
  const { meter, max_connections: max, max_per_ip: perClientMax } = config.websocket;
  if (!meter || Math.min(max, perClientMax) >= config.max_connections) return undefined;
  const service = serviceOf(config);
  const known = hosts.get(service);
  known?.configure({ max, perClientMax });
  if (known) return known;
  if (hosts.size >= ACCESS_LIMITS.HOSTS_MAX)
    for (const [name, places] of hosts) if (places.active === 0) hosts.delete(name);
  const places = new Sockets({ max, perClientMax });
  hosts.set(service, places);
  return places;
}

/** Refuses a WebSocket for which there is no place, before anything is opened for it. */
export function socketGate(config: HostConfig): Gate | undefined {
  if (socketPlacesOf(config) === undefined) return undefined;
  return ({ kind, plan, clientIp, x }) => {
    if (kind === "ws") plan.sockets?.check(clientIp, x.startedAt);
    return undefined;
  };
}
