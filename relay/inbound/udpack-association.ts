// Datagrams of one client of the UDP tunnel: an association is a stream, lives as long as it does, and every datagram's target
// is judged like a connection's.

import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import type { DatagramEnd } from "../tunnel/carrier.ts";
import { connectedPacket, isHost } from "../tunnel/connect.ts";
import type { PacketStream } from "../tunnel/packet-stream.ts";
import { Association } from "./association.ts";
import type { Place } from "./connections.ts";
import type { SessionHost, Wish } from "./session.ts";
import type { TunnelClientIdentity } from "./udpack-stream.ts";

/** Sends a datagram to the client; false when it was dropped at once. */
export type SendToClient = (association: number, from: DatagramEnd, data: Buffer) => boolean;

/** The associations of one session. */
export class TunnelAssociations {
  readonly #host: SessionHost;
  readonly #send: SendToClient;
  readonly #open = new Map<number, Association>();

  constructor(host: SessionHost, send: SendToClient) {
    this.#host = host;
    this.#send = send;
  }

  /** A datagram of the client; of an association that is not open, and without an address, it is dropped. */
  onDatagram(association: number, to: DatagramEnd | undefined, data: Buffer): void {
    if (to !== undefined && to.port > 0 && isHost(to.host)) this.#open.get(association)?.send(data, to);
  }

  /** Serves an association to its end. @throws CausewayError as SessionHost.admit, and when there are too many */
  async serve(stream: PacketStream, client: TunnelClientIdentity, place: Place): Promise<void> {
    const { id } = stream;
    if (id === undefined) throw new CausewayError("internal");
    const wish: Wish = { kind: "udp", client: client.address, user: client.user, label: "UDP ASSOCIATE" };
    this.#host.admit(wish, place);
    await this.#host.attempt(wish, place.signal, async () => {
      if (this.#host.deps.outbound.carriesDatagrams?.(client.user) === false) {
        throw new CausewayError("not_carried");
      }
      if (this.#open.size >= RELAY_LIMITS.UDP_ASSOCIATIONS_MAX) throw new CausewayError("proxy_full");
    });
    // One that is closed already does not announce it again.
    if (stream.destroyed) return;
    const association = new Association(this.#host, {
      carrier: stream,
      client: client.address,
      user: client.user,
      place,
      toClient: ({ address, port }, data) => this.#send(id, { host: address, port }, data),
    });
    // What comes on the stream means nothing any more; only its end does.
    stream.once("end", () => stream.destroy());
    stream.resume();
    this.#open.set(id, association);
    stream.send(connectedPacket("", 0));
    await association.ended;
    this.#open.delete(id);
  }
}
