// What an outbound is: the way a connection leaves the relay. Types only, and the names of what can go wrong.

import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { IpBytes } from "../../shared/net/address.ts";

export interface Target {
  /** A name, or a literal address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What `host` has been resolved to: then nothing else is dialled. */
  readonly addresses?: readonly string[] | undefined;
}

/** Says why an address may not be dialled, or undefined when it may. A rule may have said that private ones may. */
export type Refusal = (ip: IpBytes, port: number, allowPrivate?: boolean) => string | undefined;

export interface DialOptions {
  /** Judges every address that the target leads to. */
  readonly refusal: Refusal;
  /** Gives up: the client is gone or the relay stops. */
  readonly signal: AbortSignal;
  /** Who asks, for rules that name users; "" without authentication. */
  readonly user: string;
}

export interface Outbound {
  /**
   * A connected, paused socket that allows half-open; it belongs to the caller.
   * @throws CausewayError with one of the codes of `dialErrorCode`, or `target_refused`
   */
  connect(target: Target, options: DialOptions): Promise<Socket>;
  /**
   * The addresses of `target`, judged, that this machine may reach by itself, best first: for datagrams and for peers that
   * are waited for, which no upstream proxy carries.
   * @throws CausewayError as `connect`, or `not_carried` when the way leads through an upstream proxy
   */
  reach(target: Target, options: DialOptions): Promise<readonly string[]>;
  /**
   * How datagrams reach `target`, judged; absent: by `reach`.
   * @throws CausewayError as `reach`
   */
  datagramWay?(target: Target, options: DialOptions): Promise<DatagramWay>;
  /** Whether datagrams of `user` reach any target this way; absent: they do. Each target is still judged by `reach`. */
  carriesDatagrams?(user: string): boolean;
  /** Changes when the rules do: connections that were pooled before are not used for new requests. Absent: never. */
  readonly generation?: number;
}

/** Where datagrams go: to addresses that this machine reaches by itself, best first, or onward by an outbound. */
export type DatagramWay =
  | { readonly carrier?: undefined; readonly addresses: readonly string[] }
  | { readonly carrier: DatagramCarrier; readonly target: Target };

/** An outbound that carries datagrams onward itself. */
export interface DatagramCarrier {
  /**
   * A passage for the datagrams of one association or session, to any target. `options.signal` ends the attempt only.
   * @throws CausewayError when there is no way
   */
  associate(options: DialOptions, events: PassageEvents): Promise<DatagramPassage>;
}

export interface DatagramPassage {
  /** False when the datagram was dropped at once. */
  send(data: Uint8Array, target: Target): boolean;
  close(): void;
}

export interface PassageEvents {
  onReceived(data: Buffer, source: { readonly address: string; readonly port: number }): void;
  /** The passage has ended without having been closed. */
  onEnded(): void;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: "connection_refused",
  ENETUNREACH: "network_unreachable",
  ENETDOWN: "network_unreachable",
  EADDRNOTAVAIL: "network_unreachable",
  EAFNOSUPPORT: "network_unreachable",
  EHOSTUNREACH: "target_unreachable",
  EHOSTDOWN: "target_unreachable",
  ETIMEDOUT: "dial_timeout",
  ENOTFOUND: "name_unknown",
  ENODATA: "name_unknown",
  EBADNAME: "name_unknown",
};

/** How datagrams reach `target` by an outbound of any kind. @throws CausewayError as Outbound.reach */
export async function datagramWayOf(
  outbound: Pick<Outbound, "reach" | "datagramWay">,
  target: Target,
  options: DialOptions,
): Promise<DatagramWay> {
  return outbound.datagramWay?.(target, options) ?? { addresses: await outbound.reach(target, options) };
}

/** The code for a system or resolver error. */
export function dialErrorCode(error: unknown): ErrorCode {
  if (error instanceof CausewayError) return error.code;
  const system = error instanceof Error && "code" in error ? String(error.code) : "";
  return CODES[system] ?? "dial_failed";
}
