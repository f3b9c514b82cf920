// Datagrams of one client of the UDP tunnel: an association is a stream, lives as long as it does, and every datagram's target
// is judged like a connection's.

import { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { MeteredDatagrams } from "../limits/metered-datagrams.ts";
import type { Target } from "../outbound/outbound.ts";
import type { DatagramEnd } from "../tunnel/carrier.ts";
import { connectedPacket, isHost } from "../tunnel/connect.ts";
import type { PacketStream } from "../tunnel/packet-stream.ts";
import type { Place } from "./connections.ts";
import { DatagramPort } from "./datagram-port.ts";
import type { SessionHost, Wish } from "./session.ts";
import type { TunnelClientIdentity } from "./udpack-stream.ts";

/** Sends a datagram to the client; false when it was dropped at once. */
export type SendToClient = (association: number, from: DatagramEnd, data: Buffer) => boolean;

/** The associations of one session. */
export class TunnelAssociations {
  readonly #host: SessionHost;
  readonly #send: SendToClient;
  readonly #open = new Map<number, TunnelAssociation>();

  constructor(host: SessionHost, send: SendToClient) {
    this.#host = host;
    this.#send = send;
  }

  /** A datagram of the client; of an association that is not open, and without an address, it is dropped. */
  onDatagram(association: number, to: DatagramEnd | undefined, data: Buffer): void {
    if (to !== undefined && to.port > 0 && isHost(to.host)) this.#open.get(association)?.fromClient(to, data);
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
    const association = new TunnelAssociation(this.#host, { stream, client, place }, (from, data) =>
      this.#send(id, from, data),
    );
    this.#open.set(id, association);
    stream.send(connectedPacket("", 0));
    await association.ended;
    this.#open.delete(id);
  }
}

interface AssociationParts {
  readonly stream: PacketStream;
  readonly client: TunnelClientIdentity;
  readonly place: Place;
}

class TunnelAssociation {
  /** Resolves when everything is closed. */
  readonly ended: Promise<void>;
  readonly #host: SessionHost;
  readonly #parts: AssociationParts;
  readonly #outer: DatagramPort;
  readonly #toClient: (from: DatagramEnd, data: Buffer) => boolean;
  readonly #meter: MeteredDatagrams | undefined;
  readonly #idleTimer: NodeJS.Timeout;
  #flow: Flow | undefined;
  #movedAt = performance.now();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #reason: CloseReason = "done";

  constructor(
    host: SessionHost,
    parts: AssociationParts,
    toClient: (from: DatagramEnd, data: Buffer) => boolean,
  ) {
    const { stream, client, place } = parts;
    const { idleTimeoutMs, limits, outbound } = host.deps;
    this.#host = host;
    this.#parts = parts;
    this.#toClient = toClient;
    const tab = limits.meterOf(place);
    this.#meter = tab && new MeteredDatagrams(tab);
    this.#outer = new DatagramPort(outbound, host.dialOptions(client.user, place.signal), {
      onSent: (data, target) => {
        this.#flowTo(target).up += data.length;
      },
      onReceived: (data, { address, port }) => this.#received(data, { host: address, port }),
      onFailed: (target, error) => this.#reportFailure(target, error),
    });
    this.#idleTimer = setInterval(() => this.#checkIdle(), idleTimeoutMs / RELAY_LIMITS.IDLE_CHECKS);
    place.signal.addEventListener("abort", () => {
      if (!stream.closed) this.#end("closed");
    });
    // What comes on the stream means nothing any more; only its end does.
    stream.once("end", () => stream.destroy());
    stream.resume();
    this.ended = new Promise((resolve) => {
      stream.once("close", () => {
        this.#close();
        resolve();
      });
    });
  }

  fromClient(to: DatagramEnd, data: Buffer): void {
    this.#movedAt = performance.now();
    if (this.#meter?.pass("up", data.length) === false) return;
    this.#outer.send(data, to);
  }

  #received(data: Buffer, from: DatagramEnd): void {
    this.#movedAt = performance.now();
    if (this.#meter?.pass("down", data.length) === false) return;
    if (this.#toClient(from, data) && this.#flow !== undefined) this.#flow.down += data.length;
  }

  /** The flow begins with the first datagram that leaves. */
  #flowTo(target: Target): Flow {
    if (this.#flow !== undefined) return this.#flow;
    this.#flow = this.#host.open(this.#wishFor(target));
    this.#flow.onCut = () => this.#end("closed");
    return this.#flow;
  }

  #wishFor({ host, port }: Target): Wish {
    const { address, user } = this.#parts.client;
    return { kind: "udp", client: address, user, label: formatAuthority(host, port) };
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
    this.#parts.stream.destroy();
  }

  #close(): void {
    clearInterval(this.#idleTimer);
    this.#outer.close();
    this.#meter?.leave();
    if (this.#flow !== undefined) this.#host.close(this.#flow, this.#reason);
  }
}
