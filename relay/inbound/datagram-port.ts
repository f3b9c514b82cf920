// Where datagrams of one association or session leave the relay and answers come back: a socket per family, opened when
// needed. Names are resolved and judged once per target; answers are taken only from addresses that were sent to (RFC 4787
// section 5, address-dependent filtering). Knows neither SOCKS nor the client.

import type { Socket } from "node:dgram";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import { type DialOptions, dialErrorCode, type Outbound, type Target } from "../outbound/outbound.ts";
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
  readonly until: number;
}

/** After these an other address of the same name may still be reached. */
const NO_WAY: readonly ErrorCode[] = ["network_unreachable", "target_unreachable"];

export class DatagramPort {
  readonly #outbound: Pick<Outbound, "reach">;
  readonly #options: DialOptions;
  readonly #events: DatagramEvents;
  readonly #routes = new Map<string, Route>();
  readonly #looking = new Map<string, Promise<Route>>();
  /** Addresses that answers may come from, the longest unused first. */
  readonly #peers = new Set<string>();
  readonly #sockets = new Map<4 | 6, Promise<Socket>>();
  #waiting = 0;
  #waitingBytes = 0;
  #closed = false;

  constructor(outbound: Pick<Outbound, "reach">, options: DialOptions, events: DatagramEvents) {
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
      const [address = ""] = route.addresses;
      const socket = this.#ready.get(address.includes(":") ? 6 : 4);
      if (route.failure !== undefined) this.#events.onFailed(target, route.failure);
      else if (socket !== undefined) this.#transmit(socket, data, target, route);
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
  }

  /** Sockets that are open by now. */
  readonly #ready = new Map<4 | 6, Socket>();

  async #later(data: Buffer, target: Target, found: Promise<Route>): Promise<void> {
    if (this.#waiting >= RELAY_LIMITS.UDP_WAITING_MAX) return;
    if (this.#waitingBytes + data.length > RELAY_LIMITS.UDP_WAITING_BYTES_MAX) return;
    this.#waiting++;
    this.#waitingBytes += data.length;
    try {
      const route = await found;
      if (route.failure !== undefined) throw route.failure;
      const [address = ""] = route.addresses;
      const socket = await this.#socketFor(address.includes(":") ? 6 : 4);
      if (!this.#closed) this.#transmit(socket, data, target, route);
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
      const addresses = await this.#outbound.reach(target, this.#options);
      return { addresses, failure: undefined, until: until(RELAY_LIMITS.UDP_ROUTE_MAX_AGE_MS) };
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

  #socketFor(family: 4 | 6): Promise<Socket> {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const opening = openDatagramSocket(family).then((socket) => {
      if (!this.#closed) this.#ready.set(family, socket);
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

/** Drops the oldest entries of a map or set beyond `max`. */
function trim(entries: Map<string, unknown> | Set<string>, max: number): void {
  if (entries.size <= max) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
