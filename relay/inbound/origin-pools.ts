// Kept-alive connections to the origins of an inbound's HTTP requests: undici's pools, one per origin, whose connections the
// inbound's outbound dials. Bounded in number, closed when idle.

import type { Socket } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import type { InboundDeps } from "./inbound.ts";

/** Where a request goes. */
export interface Origin {
  readonly secure: boolean;
  /** A name, or a literal address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface OriginPoolsOptions {
  /** The largest head of a reply. */
  readonly headBytesMax: number;
  /** Connections to one origin; more requests wait. Absent: as many as there are requests. */
  readonly connectionsMax?: number;
}

type Dialling = Pick<InboundDeps, "outbound" | "refusal" | "idleTimeoutMs">;

export class OriginPools {
  readonly #deps: Dialling;
  readonly #options: OriginPoolsOptions;
  /** By user: rules may send each another way, and what an origin grants to a connection is not for others. */
  readonly #agents = new Map<string, Agent>();
  readonly #stopping = new AbortController();
  #generation: number | undefined;
  /** TLS over a socket that has been dialled, with sessions resumed and certificates verified. */
  readonly #encrypt = buildConnector({ allowH2: false, timeout: RELAY_LIMITS.CONNECT_TIMEOUT_MS });

  constructor(deps: Dialling, options: OriginPoolsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The pools for requests of `user`. */
  of(user: string): Dispatcher {
    this.#forgetOld();
    const known = this.#agents.get(user);
    if (known !== undefined) return known;
    const { headBytesMax, connectionsMax } = this.#options;
    const agent = new Agent({
      connect: this.#connectFor(user),
      allowH2: false,
      pipelining: 1,
      connections: connectionsMax ?? null,
      keepAliveTimeout: RELAY_LIMITS.ORIGIN_IDLE_TIMEOUT_MS,
      maxHeaderSize: headBytesMax,
      headersTimeout: this.#deps.idleTimeoutMs,
      bodyTimeout: this.#deps.idleTimeoutMs,
    });
    this.#agents.set(user, agent);
    return agent;
  }

  /**
   * A connection of its own, outside the pools, as upgrades need it.
   * @throws CausewayError as Outbound.connect; the errors of node:tls
   */
  async dial({ secure, host, port }: Origin, user: string, signal: AbortSignal): Promise<Socket> {
    const { outbound, refusal } = this.#deps;
    const socket = await outbound.connect({ host, port }, { refusal, signal, user });
    return secure ? this.#encrypted(socket, host, port) : socket;
  }

  /** After a change of the rules every connection is dialled anew; requests under way end as they began. */
  #forgetOld(): void {
    const { generation } = this.#deps.outbound;
    if (generation === this.#generation) return;
    this.#generation = generation;
    for (const agent of this.#agents.values()) void agent.close().catch(() => undefined);
    this.#agents.clear();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #encrypted(httpSocket: Socket, hostname: string, port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      // undici takes the server name from `host`, where an IPv6 address must not be mistaken for a name and a port.
      const host = hostname.includes(":") ? `[${hostname}]` : hostname;
      const options = { hostname, host, protocol: "https:", port: String(port), httpSocket };
      this.#encrypt(options, (error, socket) => {
        if (error === null) return resolve(socket as Socket);
        httpSocket.destroy();
        reject(error);
      });
    });
  }

  #connectFor(user: string): buildConnector.connector {
    return ({ hostname, port, protocol }, callback) => {
      const secure = protocol === "https:";
      const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
      const origin = { secure, host, port: Number(port || (secure ? 443 : 80)) };
      this.dial(origin, user, this.#stopping.signal).then(
        (socket) => callback(null, tellingResets(socket)),
        (error: Error) => callback(error, null),
      );
    };
  }
}

/**
 * undici takes ECONNRESET for the end of a reply that names no length, as if the origin had ended it (RFC 9112 section 8).
 * Under another code it is the failure that it is. The listener comes before undici's own.
 */
function tellingResets(socket: Socket): Socket {
  return socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNRESET") error.code = "ECONNABORTED";
  });
}
