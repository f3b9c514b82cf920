// Where datagrams of one association or session leave the relay and answers come back: a socket per family and a passage per
// outbound that carries them onward, opened when needed. Names are resolved and judged once per target; answers are taken only
// from addresses that were sent to (RFC 4787 section 5, address-dependent filtering). Knows neither SOCKS nor the client.

import type { Socket } from "node:dgram";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import {
  type DatagramCarrier,
  type DatagramPassage,
  type DialOptions,
  datagramWayOf,
  dialErrorCode,
  type Outbound,
  type Target,
} from "../outbound/outbound.ts";
import type { Endpoint } from "./socks-machine.ts";
import { openDatagramSocket, sendDatagram } from "./udp-socket.ts";

export interface DatagramEvents {
  /** `data` went out to `target`. */
  onSent(data: Buffer, target: Target): void;
  /** `data` came from `source`. */
  onReceived(data: Buffer, source: Endpoint): void;
  /** A datagram to `target` did not leave. */
  onFailed(target: Target, error: CausewayError): void;
}

/** Where a target leads. */
interface Route {
  /** Permitted addresses; the first one is in use. */
  addresses: readonly string[];
  readonly failure: CausewayError | undefined;
  /** Who carries datagrams there instead, and what it is asked for. */
  readonly onward?: { readonly carrier: DatagramCarrier; readonly target: Target } | undefined;
  readonly until: number;
}

/** Sends one datagram; it was opened for the route that is used. */
type Sender = (data: Buffer, target: Target, route: Route) => void;

type Ways = Pick<Outbound, "reach" | "datagramWay">;

/** After these an other address of the same name may still be reached. */
const NO_WAY: readonly ErrorCode[] = ["network_unreachable", "target_unreachable"];

export class DatagramPort {
  readonly #outbound: Ways;
  readonly #options: DialOptions;
  readonly #events: DatagramEvents;
  readonly #routes = new Map<string, Route>();
  readonly #looking = new Map<string, Promise<Route>>();
  /** Addresses that answers may come from, the longest unused first. */
  readonly #peers = new Set<string>();
  readonly #sockets = new Map<4 | 6, Promise<Socket>>();
  readonly #passages = new Map<DatagramCarrier, Promise<DatagramPassage>>();
  #waiting = 0;
  #waitingBytes = 0;
  #closed = false;

  constructor(outbound: Ways, options: DialOptions, events: DatagramEvents) {
    this.#outbound = outbound;
    this.#options = options;
    this.#events = events;
  }

  /** Sends `data`, or reports why not. Never throws; at a bound the datagram is dropped. */
  send(data: Buffer, target: Target): void {
    if (this.#closed) return;
    const key = formatAuthority(target.host, target.port);
    const route = this.#routes.get(key);
    if (route !== undefined && route.until > performance.now() && !this.#looking.has(key)) {
      const send = this.#ready.get(keyOf(route));
      if (route.failure !== undefined) this.#events.onFailed(target, route.failure);
      else if (send !== undefined) send(data, target, route);
      else void this.#later(data, target, Promise.resolve(route));
      return;
    }
    void this.#later(data, target, this.#look(key, target));
  }

  close(): void {
    this.#closed = true;
    for (const opening of this.#sockets.values()) {
      opening.then(
        (socket) => socket.close(),
        () => undefined,
      );
    }
    for (const opening of this.#passages.values()) {
      opening.then(
        (passage) => passage.close(),
        () => undefined,
      );
    }
  }

  /** How to send by what is open by now: by the family of a socket, or by the carrier of a passage. */
  readonly #ready = new Map<4 | 6 | DatagramCarrier, Sender>();

  async #later(data: Buffer, target: Target, found: Promise<Route>): Promise<void> {
    if (this.#waiting >= RELAY_LIMITS.UDP_WAITING_MAX) return;
    if (this.#waitingBytes + data.length > RELAY_LIMITS.UDP_WAITING_BYTES_MAX) return;
    this.#waiting++;
    this.#waitingBytes += data.length;
    try {
      const route = await found;
      if (route.failure !== undefined) throw route.failure;
      if (this.#closed) return;
      const send = await this.#senderFor(route);
      if (!this.#closed) send(data, target, route);
    } catch (error) {
      if (!this.#closed) this.#fail(target, error);
    } finally {
      this.#waiting--;
      this.#waitingBytes -= data.length;
    }
  }

  #fail(target: Target, error: unknown): void {
    const known = error instanceof CausewayError ? error : new CausewayError(dialErrorCode(error));
    this.#events.onFailed(target, known);
  }

  /** Looks a target up once for all that wait for it. Never rejects. */
  #look(key: string, target: Target): Promise<Route> {
    const pending = this.#looking.get(key);
    if (pending !== undefined) return pending;
    const looking = this.#reach(target).then((route) => {
      this.#looking.delete(key);
      const [used] = this.#routes.get(key)?.addresses ?? [];
      // A session stays with its server for as long as the name leads there.
      if (used !== undefined && route.addresses.includes(used)) {
        route.addresses = [used, ...route.addresses.filter((address) => address !== used)];
      }
      this.#routes.delete(key);
      this.#routes.set(key, route);
      trim(this.#routes, RELAY_LIMITS.UDP_PEERS_MAX);
      return route;
    });
    this.#looking.set(key, looking);
    return looking;
  }

  async #reach(target: Target): Promise<Route> {
    const until = (ms: number) => performance.now() + ms;
    try {
      const way = await datagramWayOf(this.#outbound, target, this.#options);
      const age = until(RELAY_LIMITS.UDP_ROUTE_MAX_AGE_MS);
      if (way.carrier === undefined) return { addresses: way.addresses, failure: undefined, until: age };
      return { addresses: [], failure: undefined, onward: way, until: age };
    } catch (error) {
      const failure = error instanceof CausewayError ? error : new CausewayError(dialErrorCode(error));
      return { addresses: [], failure, until: until(RELAY_LIMITS.UDP_FAILURE_MAX_AGE_MS) };
    }
  }

  #transmit(socket: Socket, data: Buffer, target: Target, route: Route): void {
    const [address = ""] = route.addresses;
    this.#hearFrom(address);
    const onFailed = (error: Error): void => {
      const code = dialErrorCode(error);
      if (this.#closed) return;
      const [failed, ...others] = route.addresses;
      if (!NO_WAY.includes(code) || others.length === 0 || failed !== address) {
        this.#fail(target, error);
        return;
      }
      // A name may have an address of a family that this machine does not speak.
      route.addresses = others;
      void this.#later(data, target, Promise.resolve(route));
    };
    if (sendDatagram(socket, data, target.port, address, onFailed)) this.#events.onSent(data, target);
  }

  #hearFrom(address: string): void {
    if (this.#peers.has(address)) return;
    this.#peers.add(address);
    trim(this.#peers, RELAY_LIMITS.UDP_PEERS_MAX);
  }

  async #senderFor(route: Route): Promise<Sender> {
    const key = keyOf(route);
    if (typeof key === "number") await this.#socketFor(key);
    else await this.#passageBy(key);
    return this.#ready.get(key) ?? (() => undefined);
  }

  #passageBy(carrier: DatagramCarrier): Promise<DatagramPassage> {
    const known = this.#passages.get(carrier);
    if (known !== undefined) return known;
    const forget = (): void => {
      this.#passages.delete(carrier);
      this.#ready.delete(carrier);
    };
    const events = {
      onReceived: (data: Buffer, { address, port }: Endpoint) => {
        const source = canonicalIp(address);
        if (source !== undefined && !this.#closed) this.#events.onReceived(data, { address: source, port });
      },
      // The next datagram opens another.
      onEnded: forget,
    };
    const opening = carrier.associate(this.#options, events).then((passage) => {
      if (!this.#closed) {
        this.#ready.set(carrier, (data, target, { onward }) => {
          if (passage.send(data, onward?.target ?? target)) this.#events.onSent(data, target);
        });
      }
      return passage;
    });
    opening.catch(forget);
    this.#passages.set(carrier, opening);
    return opening;
  }

  #socketFor(family: 4 | 6): Promise<Socket> {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const opening = openDatagramSocket(family).then((socket) => {
      if (!this.#closed) {
        this.#ready.set(family, (data, target, route) => this.#transmit(socket, data, target, route));
      }
      socket.on("message", (data, { address, port }) => {
        const source = canonicalIp(address);
        if (source === undefined || !this.#peers.has(source)) return;
        this.#events.onReceived(data, { address: source, port });
      });
      return socket;
    });
    // One that could not be opened, for want of descriptors perhaps, may open the next time.
    opening.catch(() => this.#sockets.delete(family));
    this.#sockets.set(family, opening);
    return opening;
  }
}

/** What a route needs to be open. */
function keyOf({ onward, addresses: [address = ""] }: Route): 4 | 6 | DatagramCarrier {
  return onward?.carrier ?? (address.includes(":") ? 6 : 4);
}

/** Drops the oldest entries of a map or set beyond `max`. */
function trim(entries: Map<string, unknown> | Set<string>, max: number): void {
  if (entries.size <= max) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
