// The outbound that rides the UDP tunnel: names go onward as names, addresses are judged here first, and the far end applies its
// own policy. It carries datagrams, too.

import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import type { TunnelClient } from "../tunnel/client.ts";
import { judged } from "./chained.ts";
import type {
  DatagramCarrier,
  DatagramPassage,
  DatagramWay,
  DialOptions,
  Outbound,
  PassageEvents,
  Target,
} from "./outbound.ts";

export class UdpackOutbound implements Outbound, DatagramCarrier {
  readonly #client: () => TunnelClient;

  /** `client`: the tunnel, which is made when it is first used. */
  constructor(client: () => TunnelClient) {
    this.#client = client;
  }

  async connect(target: Target, { refusal, signal }: DialOptions): Promise<Socket> {
    let failure: unknown;
    for (const host of judged(target, refusal)) {
      try {
        const stream = await this.#client().connect(host, target.port, signal);
        // It has what callers use of a socket: both ways, half-close, and the address that is told to clients.
        return stream as unknown as Socket;
      } catch (error) {
        failure = error;
        // The other addresses of a name do not help where the tunnel itself is at fault.
        if (signal.aborted || (error instanceof CausewayError && error.code === "tunnel_failed")) break;
      }
    }
    throw failure;
  }

  /** Nothing that is not the tunnel's own can be reached by it: BIND waits on this machine. */
  reach(): Promise<never> {
    return Promise.reject(new CausewayError("not_carried"));
  }

  async datagramWay(target: Target, { refusal }: DialOptions): Promise<DatagramWay> {
    const [host = target.host] = judged(target, refusal);
    return { carrier: this, target: { host, port: target.port } };
  }

  associate({ signal }: DialOptions, { onReceived, onEnded }: PassageEvents): Promise<DatagramPassage> {
    return this.#client().associate(signal, {
      onReceived: (data, { host, port }) => onReceived(data, { address: host, port }),
      onEnded,
    });
  }
}
