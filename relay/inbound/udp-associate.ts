// SOCKS5 UDP ASSOCIATE (RFC 1928 section 7): a UDP port for one client, which lives as long as the client's TCP connection.
// It is pinned to that connection's peer address and to the first port that sends from there; every datagram's target is
// judged like a connection's.

import type { Socket as UdpSocket } from "node:dgram";
import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { PortRange } from "../../shared/net/ports.ts";
import { Association } from "./association.ts";
import { dismiss, type Place } from "./connections.ts";
import type { SessionHost, Wish } from "./session.ts";
import type { Endpoint, SocksDialect } from "./socks-machine.ts";
import { decodeDatagram, encodeDatagram, Reassembly } from "./udp-datagram.ts";
import { openDatagramSocket, sendDatagram } from "./udp-socket.ts";

export interface AssociationSettings {
  readonly ports: PortRange | undefined;
  /** Told to clients instead of the address that their connection came to. */
  readonly advertise: string | undefined;
}

export interface AssociationRequest {
  readonly socket: Socket;
  /** The client's address, canonical. */
  readonly client: string;
  /** The user's name, or "". */
  readonly user: string;
  readonly place: Place;
}

export class AssociationServer {
  readonly #host: SessionHost;
  readonly #settings: AssociationSettings;
  #open = 0;

  constructor(host: SessionHost, settings: AssociationSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /** Serves one client to its end. Never rejects. */
  async serve(request: AssociationRequest, dialect: SocksDialect): Promise<void> {
    const { socket, client, user, place } = request;
    // What comes over the connection means nothing any more; only its end does.
    socket.resume();
    const onEnd = (): void => void socket.destroy();
    socket.once("end", onEnd);
    this.#open++;
    try {
      const local = canonicalIp(socket.localAddress ?? "") ?? "";
      const wish: Wish = { kind: "udp", client, user, label: "UDP ASSOCIATE" };
      this.#host.admit(wish, place);
      const port = await this.#host.attempt(wish, place.signal, () => this.#bind(local, user));
      if (socket.destroyed) {
        port.close();
        return;
      }
      const address = this.#settings.advertise ?? local;
      const { association } = new ClientPort(this.#host, request, port);
      socket.setKeepAlive(true, RELAY_LIMITS.UDP_KEEP_ALIVE_MS);
      socket.write(dialect.granted({ address, port: port.address().port }));
      await association.ended;
    } catch (error) {
      socket.off("end", onEnd);
      if (socket.destroyed) return;
      socket.end(dialect.failed(error instanceof CausewayError ? error.code : "internal"));
      dismiss(socket);
    } finally {
      this.#open--;
    }
  }

  async #bind(local: string, user: string): Promise<UdpSocket> {
    if (this.#host.deps.outbound.carriesDatagrams?.(user) === false) throw new CausewayError("not_carried");
    if (this.#open > RELAY_LIMITS.UDP_ASSOCIATIONS_MAX) throw new CausewayError("proxy_full");
    return openDatagramSocket(local.includes(":") ? 6 : 4, local, this.#settings.ports);
  }
}

/** The client's side of an association: its port, and the fragments that it sends. */
class ClientPort {
  readonly association: Association;
  readonly #client: string;
  readonly #socket: UdpSocket;
  readonly #reassembly = new Reassembly();
  /** Known once the client has sent. */
  #port: number | undefined;
  #address = "";

  constructor(host: SessionHost, { socket, client, user, place }: AssociationRequest, port: UdpSocket) {
    this.#client = client;
    this.#socket = port;
    this.association = new Association(host, {
      carrier: socket,
      client,
      user,
      place,
      toClient: (source, data) => this.#send(source, data),
    });
    port.on("message", (bytes, { address, port }) => this.#received(bytes, address, port));
    socket.once("close", () => port.close());
  }

  #received(bytes: Buffer, address: string, port: number): void {
    if (this.#port === undefined) {
      if (canonicalIp(withoutZone(address)) !== this.#client) return;
      this.#port = port;
      this.#address = address;
    } else if (port !== this.#port || address !== this.#address) return;
    const part = decodeDatagram(bytes);
    const datagram = part && this.#reassembly.add(part, performance.now());
    if (datagram === undefined) return;
    this.association.send(datagram.data, { host: datagram.host, port: datagram.port });
  }

  #send(source: Endpoint, data: Buffer): boolean {
    if (this.#port === undefined) return false;
    return sendDatagram(this.#socket, encodeDatagram(source, data), this.#port, this.#address);
  }
}

/** Of a link-local address, which dgram reports with the interface it is on. */
function withoutZone(address: string): string {
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}
