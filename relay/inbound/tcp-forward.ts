// A TCP forward: every connection goes to one fixed target, byte for byte, at once and without a handshake. It may say who
// the client is by a PROXY protocol header.

import { createServer, type Server, type Socket } from "node:net";
import { formatAuthority } from "../../shared/net/address.ts";
import { breakOff } from "../break-off.ts";
import type { Target } from "../outbound/outbound.ts";
import type { ListenerAddress } from "../outbound/policy.ts";
import { listen, moveListener } from "../serve/listen.ts";
import type { Acceptor, Arrival } from "./acceptor.ts";
import { EarlyData } from "./early-data.ts";
import type { Inbound, ListenAt } from "./inbound.ts";
import { encodeProxyHeader } from "./proxy-protocol.ts";
import type { SessionHost } from "./session.ts";

export interface TcpForwardOptions {
  readonly at: ListenAt;
  readonly target: Target;
  /** The header that the target gets first. */
  readonly header: "v1" | "v2" | undefined;
}

const NOTHING = Buffer.alloc(0);

export class TcpForward implements Inbound {
  readonly kind = "tcp";
  readonly #options: TcpForwardOptions;
  readonly #host: SessionHost;
  readonly #acceptor: Acceptor;
  readonly #server: Server;
  #bound: ListenerAddress | undefined;

  constructor(options: TcpForwardOptions, host: SessionHost, acceptor: Acceptor) {
    this.#options = options;
    this.#host = host;
    this.#acceptor = acceptor;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) =>
      acceptor.accept(socket, (arrival) => void this.#forward(arrival)),
    );
  }

  get address(): string {
    return this.#bound?.address ?? this.#options.at.host;
  }

  get port(): number {
    return this.#bound?.port ?? this.#options.at.port;
  }

  /** @throws PortTakenError when the port is taken */
  async start(before?: Inbound): Promise<void> {
    const server = this.#server;
    this.#bound = await (before?.handOver?.(server) ?? listen(server, this.#options.at));
    // An error while accepting (no descriptors left) must not end the process; the next accept may work.
    server.on("error", () => undefined);
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_up", inbound: service, address: this.address, port: this.port });
  }

  handOver(server: Server): Promise<ListenerAddress> {
    this.#reportDown();
    return moveListener(this.#server, server);
  }

  stopAccepting(): void {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#acceptor.dismissSilent();
    this.#reportDown();
  }

  #reportDown(): void {
    const { address, port } = this;
    const { service, emit } = this.#host.deps;
    emit({ type: "listener_down", inbound: service, address, port });
  }

  async close(): Promise<void> {}

  /** Never rejects. A target that cannot be reached shows as a reset: an orderly end would pass for an empty answer. */
  async #forward({ socket, source, destination, place, disarm, heard }: Arrival): Promise<void> {
    const { target, header } = this.#options;
    disarm();
    heard();
    const label = formatAuthority(target.host, target.port);
    const wish = { kind: "tcp", client: source.address, user: "", label } as const;
    const early = new EarlyData(socket, NOTHING, { earlyEnd: "half_close" });
    try {
      this.#host.admit(wish, place);
      const dialled = await this.#host.dial(target, wish, place.signal);
      const head = early.take();
      if (socket.destroyed) {
        dialled.destroy();
        return;
      }
      if (header !== undefined) dialled.write(encodeProxyHeader(header, { source, destination }));
      await this.#host.carry(socket, dialled, { wish, head, place });
    } catch {
      early.take();
      breakOff(socket);
    }
  }
}
