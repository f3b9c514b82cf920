// One client's datagrams, whoever brings them: their way out, metering, one flow, and an end together with what the client
// asked over. Knows no protocol of the client's.

import type { Duplex } from "node:stream";
import type { CausewayError } from "../../shared/errors.ts";
import type { CloseReason, Flow } from "../../shared/flow/flow.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { MeteredDatagrams } from "../limits/metered-datagrams.ts";
import type { Target } from "../outbound/outbound.ts";
import type { Place } from "./connections.ts";
import { DatagramPort } from "./datagram-port.ts";
import type { SessionHost, Wish } from "./session.ts";
import type { Endpoint } from "./socks-machine.ts";

export interface AssociationOptions {
  /** The association ends when this closes, and closes it when it ends by itself. */
  readonly carrier: Duplex;
  /** The client's address, canonical. */
  readonly client: string;
  /** The user's name, or "". */
  readonly user: string;
  readonly place: Place;
  /** Sends a datagram on to the client; false when it was dropped. */
  readonly toClient: (source: Endpoint, data: Buffer) => boolean;
}

export class Association {
  /** Resolves when everything is closed. */
  readonly ended: Promise<void>;
  readonly #host: SessionHost;
  readonly #options: AssociationOptions;
  readonly #outer: DatagramPort;
  readonly #meter: MeteredDatagrams | undefined;
  readonly #idleTimer: NodeJS.Timeout;
  #flow: Flow | undefined;
  #movedAt = performance.now();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #reason: CloseReason = "done";

  constructor(host: SessionHost, options: AssociationOptions) {
    const { carrier, place, user } = options;
    const { idleTimeoutMs, limits, outbound } = host.deps;
    this.#host = host;
    this.#options = options;
    const tab = limits.meterOf(place);
    this.#meter = tab && new MeteredDatagrams(tab);
    this.#outer = new DatagramPort(outbound, host.dialOptions(user, place.signal), {
      onSent: (data, target) => {
        this.#flowTo(target).up += data.length;
      },
      onReceived: (data, source) => this.#received(data, source),
      onFailed: (target, error) => this.#reportFailure(target, error),
    });
    this.#idleTimer = setInterval(() => this.#checkIdle(), idleTimeoutMs / RELAY_LIMITS.IDLE_CHECKS);
    // A connection that ends gives its place back, which aborts it too.
    const onAbort = (): void => {
      if (!carrier.closed) this.#end("closed");
    };
    place.signal.addEventListener("abort", onAbort);
    this.ended = new Promise((resolve) => {
      carrier.once("close", () => {
        place.signal.removeEventListener("abort", onAbort);
        this.#close();
        resolve();
      });
    });
  }

  /** Takes a datagram of the client. */
  send(data: Buffer, target: Target): void {
    this.#movedAt = performance.now();
    if (this.#meter?.pass("up", data.length) === false) return;
    this.#outer.send(data, target);
  }

  #received(data: Buffer, source: Endpoint): void {
    this.#movedAt = performance.now();
    if (this.#meter?.pass("down", data.length) === false) return;
    if (this.#options.toClient(source, data) && this.#flow !== undefined) this.#flow.down += data.length;
  }

  /** The flow begins with the first datagram that leaves. */
  #flowTo(target: Target): Flow {
    if (this.#flow !== undefined) return this.#flow;
    this.#flow = this.#host.open(this.#wishFor(target));
    this.#flow.onCut = () => this.#end("closed");
    return this.#flow;
  }

  #wishFor({ host, port }: Target): Wish {
    const { client, user } = this.#options;
    return { kind: "udp", client, user, label: formatAuthority(host, port) };
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
    this.#options.carrier.destroy();
  }

  #close(): void {
    clearInterval(this.#idleTimer);
    this.#outer.close();
    this.#meter?.leave();
    if (this.#flow !== undefined) this.#host.close(this.#flow, this.#reason);
  }
}
