// SOCKS BIND: the client's wish that a named peer connects to it, as active FTP does. Two replies: where the peer is to
// connect, then who has connected; after that the connection is carried like any other.

import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority, parseHostLiteral } from "../../shared/net/address.ts";
import { classifyIp } from "../../shared/net/destination.ts";
import type { PortRange } from "../../shared/net/ports.ts";
import type { Target } from "../outbound/outbound.ts";
import { dismiss } from "./connections.ts";
import { EarlyData } from "./early-data.ts";
import { openRendezvous, type Rendezvous } from "./rendezvous.ts";
import type { SessionHost, TunnelRequest, Wish } from "./session.ts";
import type { SocksDialect } from "./socks-machine.ts";

export interface BindSettings {
  /** Listeners beyond loopback offer BIND only with ports set for it. */
  readonly onLoopback: boolean;
  readonly ports: PortRange | undefined;
  /** Told to clients instead of the address listened on. */
  readonly advertise: string | undefined;
  readonly timeoutMs: number;
}

export class BindServer {
  readonly #host: SessionHost;
  readonly #settings: BindSettings;
  /** Clients whose peer is waited for. */
  #open = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(host: SessionHost, settings: BindSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /** Serves one client to its end. Never rejects. */
  async serve(socket: Socket, request: Omit<TunnelRequest, "kind">, dialect: SocksDialect): Promise<void> {
    const { target, client, user, head, place } = request;
    const wish = { kind: "socks", client, user, label: formatAuthority(target.host, target.port) } as const;
    const early = new EarlyData(socket, head);
    try {
      this.#host.admit(wish, place);
      const peer = await this.#host.attempt(wish, place.signal, () =>
        this.#await(socket, target, wish, { dialect, signal: place.signal }),
      );
      const sent = early.take();
      if (socket.destroyed) {
        peer.destroy();
        return;
      }
      const address = canonicalIp(peer.remoteAddress ?? "") ?? "";
      socket.write(dialect.granted({ address, port: peer.remotePort ?? 0 }));
      await this.#host.carry(socket, peer, { wish, head: sent, place });
    } catch (error) {
      early.take();
      if (socket.destroyed) return;
      socket.end(dialect.failed(error instanceof CausewayError ? error.code : "internal"));
      dismiss(socket);
    }
  }

  async #await(socket: Socket, target: Target, wish: Wish, { dialect, signal }: Waiting): Promise<Socket> {
    const { advertise } = this.#settings;
    this.#open++;
    try {
      const { bound, arrival } = await this.#listen(target, wish, { dialect, signal });
      socket.write(dialect.granted({ address: advertise ?? bound.address, port: bound.port }));
      return await arrival;
    } finally {
      this.#open--;
    }
  }

  async #listen(target: Target, wish: Wish, { dialect, signal }: Waiting): Promise<Rendezvous> {
    const { onLoopback, ports, timeoutMs } = this.#settings;
    if (!onLoopback && ports === undefined) throw new CausewayError("command_unsupported");
    if (this.#open > RELAY_LIMITS.BINDS_MAX) throw new CausewayError("proxy_full");
    // A client on this machine may name nobody: then anybody on this machine may come, whom it could wait for by itself.
    const peers =
      onLoopback && isUnspecified(target.host) ? [] : await this.#reach(target, wish, { dialect, signal });
    const onStranger = (address: string): void => this.#reportStranger(address, wish);
    return openRendezvous({ peers, ports, timeoutMs, signal, onStranger });
  }

  #reportStranger(address: string, { label }: Wish): void {
    const now = performance.now();
    if (now - this.#reportedAt < RELAY_LIMITS.SOURCE_REPORT_INTERVAL_MS) return;
    this.#reportedAt = now;
    const why = `${label} was waited for`;
    this.#host.deps.emit({ type: "source_refused", ...this.#host.peer(address), why });
  }

  /** The peer's addresses of the one family that the reply will name an address of. */
  async #reach(target: Target, { user }: Wish, { dialect, signal }: Waiting): Promise<readonly string[]> {
    const addresses = await this.#host.deps.outbound.reach(target, this.#host.dialOptions(user, signal));
    const wanted = this.#settings.advertise ?? (dialect.family === 4 ? "0.0.0.0" : addresses[0]) ?? "";
    const fitting = addresses.filter((address) => address.includes(":") === wanted.includes(":"));
    if (fitting.length > 0) return fitting;
    throw new CausewayError("network_unreachable");
  }
}

interface Waiting {
  readonly dialect: SocksDialect;
  readonly signal: AbortSignal;
}

function isUnspecified(host: string): boolean {
  const ip = parseHostLiteral(host);
  return ip instanceof Uint8Array && classifyIp(ip) === "unspecified";
}
