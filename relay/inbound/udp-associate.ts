// SOCKS5 UDP ASSOCIATE (RFC 1928 section 7): a UDP port for one client, which lives as long as the client's TCP connection.
// It is pinned to that connection's peer address and to the first port that sends from there; every datagram's target is
// judged like a connection's.

import type { Socket as UdpSocket } from "node:dgram";
import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import type { PortRange } from "../../shared/net/ports.ts";
import { MeteredDatagrams } from "../limits/metered-datagrams.ts";
import type { Target } from "../outbound/outbound.ts";
import { dismiss, type Place } from "./connections.ts";
import { DatagramPort } from "./datagram-port.ts";
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
      const association = new Association(this.#host, request, port);
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

class Association {
  /** Resolves when everything is closed. */
  readonly ended: Promise<void>;
  readonly #host: SessionHost;
  readonly #request: AssociationRequest;
  readonly #inner: UdpSocket;
  readonly #outer: DatagramPort;
  readonly #reassembly = new Reassembly();
  readonly #idleTimer: NodeJS.Timeout;
  readonly #meter: MeteredDatagrams | undefined;
  /** The client's port, once it has sent. */
  #clientPort: number | undefined;
  #clientAddress = "";
  #flow: Flow | undefined;
  #movedAt = performance.now();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #reason: CloseReason = "done";

  constructor(host: SessionHost, request: AssociationRequest, inner: UdpSocket) {
    const { socket, place, user } = request;
    const { idleTimeoutMs } = host.deps;
    this.#host = host;
    this.#request = request;
    this.#inner = inner;
    const tab = host.deps.limits.meterOf(place);
    this.#meter = tab && new MeteredDatagrams(tab);
    this.#outer = new DatagramPort(host.deps.outbound, host.dialOptions(user, place.signal), {
      onSent: (data, target) => {
        this.#flowTo(target).up += data.length;
      },
      onReceived: (data, source) => this.#toClient(data, source),
      onFailed: (target, error) => this.#reportFailure(target, error),
    });
    inner.on("message", (bytes, { address, port }) => this.#fromClient(bytes, address, port));
    this.#idleTimer = setInterval(() => this.#checkIdle(), idleTimeoutMs / RELAY_LIMITS.IDLE_CHECKS);
    // A connection that ends gives its place back, which aborts it too.
    const onAbort = (): void => {
      if (!socket.closed) this.#end("closed");
    };
    place.signal.addEventListener("abort", onAbort);
    this.ended = new Promise((resolve) => {
      socket.once("close", () => {
        place.signal.removeEventListener("abort", onAbort);
        this.#close();
        resolve();
      });
    });
  }

  /** The flow begins with the first datagram that leaves. */
  #flowTo(target: Target): Flow {
    if (this.#flow !== undefined) return this.#flow;
    this.#flow = this.#host.open(this.#wishFor(target));
    this.#flow.onCut = () => this.#end("closed");
    return this.#flow;
  }

  #wishFor({ host, port }: Target): Wish {
    const { client, user } = this.#request;
    return { kind: "udp", client, user, label: formatAuthority(host, port) };
  }

  #fromClient(bytes: Buffer, address: string, port: number): void {
    if (this.#clientPort === undefined) {
      if (canonicalIp(withoutZone(address)) !== this.#request.client) return;
      this.#clientPort = port;
      this.#clientAddress = address;
    } else if (port !== this.#clientPort || address !== this.#clientAddress) return;
    const part = decodeDatagram(bytes);
    const now = performance.now();
    const datagram = part && this.#reassembly.add(part, now);
    if (datagram === undefined) return;
    this.#movedAt = now;
    if (this.#meter?.pass("up", datagram.data.length) === false) return;
    this.#outer.send(datagram.data, { host: datagram.host, port: datagram.port });
  }

  #toClient(data: Buffer, source: Endpoint): void {
    if (this.#clientPort === undefined) return;
    this.#movedAt = performance.now();
    if (this.#meter?.pass("down", data.length) === false) return;
    const isSent = sendDatagram(
      this.#inner,
      encodeDatagram(source, data),
      this.#clientPort,
      this.#clientAddress,
    );
    if (isSent && this.#flow !== undefined) this.#flow.down += data.length;
  }

  #reportFailure(target: Target, error: CausewayError): void {
    const now = performance.now();
    if (now - this.#reportedAt < RELAY_LIMITS.UDP_REPORT_INTERVAL_MS) return;
    this.#reportedAt = now;
    this.#host.reportFailure(error, this.#wishFor(target));
  }

  #checkIdle(): void {
    if (performance.now() - this.#movedAt >= this.#host.deps.idleTimeoutMs) this.#end("idle");
  }

  #end(reason: CloseReason): void {
    this.#reason = reason;
    this.#request.socket.destroy();
  }

  #close(): void {
    clearInterval(this.#idleTimer);
    this.#inner.close();
    this.#outer.close();
    this.#meter?.leave();
    if (this.#flow !== undefined) this.#host.close(this.#flow, this.#reason);
  }
}

/** Of a link-local address, which dgram reports with the interface it is on. */
function withoutZone(address: string): string {
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}
