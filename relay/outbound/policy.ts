// The destination policy: which addresses a client of an inbound may reach. It judges addresses, never names.

import { networkInterfaces } from "node:os";
import { embeddedIpv4, formatIp, type IpBytes, parseIp } from "../../shared/net/address.ts";
import { type AddressClass, classifyIp } from "../../shared/net/destination.ts";
import type { Refusal } from "./outbound.ts";

/** Where one of the relay's own listeners is. */
export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
}

const LOOPBACK_4: IpBytes = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_6: IpBytes = Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0));

/** A client on this machine could reach these itself; one from elsewhere reaches public addresses only. */
const FOR_LOCAL_CLIENTS: ReadonlySet<AddressClass> = new Set([
  "public",
  "loopback",
  "private",
  "shared",
  "link_local",
]);

/**
 * The policy of a listener: on loopback, or by a rule that says so, it may reach private and loopback addresses, elsewhere
 * public ones. Nobody reaches the relay's own listeners, or a request could circle until every descriptor is used up.
 */
export function refusalFor(onLoopback: boolean, ownListeners: () => readonly ListenerAddress[]): Refusal {
  const notOwn = ownListenerRefusal(ownListeners);
  return (ip, port, allowPrivate = false) => {
    const where = classifyIp(ip);
    const isLegal = onLoopback || allowPrivate ? FOR_LOCAL_CLIENTS.has(where) : where === "public";
    return isLegal ? notOwn(ip, port) : `its address is ${where}`;
  };
}

/** The policy for what the configuration itself names: anything but the relay's own listeners. */
export function ownListenerRefusal(ownListeners: () => readonly ListenerAddress[]): Refusal {
  return (ip, port) =>
    isOwnListener(ip, port, ownListeners()) ? "it is a listener of this relay" : undefined;
}

function isOwnListener(ip: IpBytes, port: number, listeners: readonly ListenerAddress[]): boolean {
  const candidates = listeners.filter((listener) => listener.port === port);
  if (candidates.length === 0) return false;
  const plain = reached(embeddedIpv4(ip) ?? ip);
  const text = formatIp(plain);
  return candidates.some(({ address }) => {
    const listening = parseIp(address);
    if (listening === undefined || classifyIp(listening) !== "unspecified") return address === text;
    return classifyIp(plain) === "loopback" || machineAddresses().has(text);
  });
}

/** Where the kernel connects to: an unspecified address is this machine's loopback. */
function reached(ip: IpBytes): IpBytes {
  if (classifyIp(ip) !== "unspecified") return ip;
  return ip.length === 4 ? LOOPBACK_4 : LOOPBACK_6;
}

function machineAddresses(): Set<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
  );
}
