// One inbound of a relay: as it was asked for, as it was built, and as it is reported. It starts and stops nothing.

import type { InboundConfig } from "../shared/config/schema.ts";
import type { InboundReport, StartOrder } from "../shared/control/orders.ts";
import { canonicalIp, formatAuthority } from "../shared/net/address.ts";
import type { Crowd } from "./inbound/connections.ts";
import type { Inbound, InboundDeps } from "./inbound/inbound.ts";

/** An inbound as it was asked for. */
export interface InboundWish {
  readonly config: InboundConfig;
  readonly origin: InboundReport["origin"];
  /** Equal for two that need not be told apart: then the one that runs goes on. */
  readonly key: string;
  /** What moves it, for people: `relay.inbounds[0].listen`. */
  readonly setting: string;
  /** What an order says itself of the listener; the rest of `config` is only what it would get by default. */
  readonly said?: Pick<StartOrder, "address" | "auth"> | undefined;
}

/** What one entry is made of. */
export interface BuiltInbound {
  readonly listeners: readonly Inbound[];
  readonly deps: InboundDeps;
  /** Those of its listeners. */
  readonly connections: Crowd;
}

/** An inbound with its connections. */
export interface Entry {
  /** The newest one with its key. */
  wish: InboundWish;
  readonly built: BuiltInbound;
  readonly connections: Crowd;
  state: InboundReport["state"];
  problem: string | undefined;
}

/** Whether nothing of it is open. */
export function isOff({ state }: Entry): boolean {
  return state === "stopped" || state === "failed";
}

/**
 * Whether an entry of the configuration is what an order asks to start: by the port it had, or has in the file. One that
 * listens elsewhere than the order says, or asks for no password where it says so, is another.
 */
export function isSame(
  { wish: { config }, built }: Entry,
  { config: wanted, said = {} }: InboundWish,
): boolean {
  const port = portOf(wanted.listen);
  return (
    config.kind === wanted.kind &&
    (portOf(config.listen) === port || built.listeners.some((listener) => listener.port === Number(port))) &&
    (said.address === undefined || hostOf(config.listen) === hostOf(wanted.listen)) &&
    (said.auth === undefined || built.deps.auth === said.auth)
  );
}

/** In its one spelling, if it is an address. */
function hostOf(listen: string): string {
  const host = listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return canonicalIp(host) ?? host;
}

function portOf(listen: string): string {
  return listen.slice(listen.lastIndexOf(":") + 1);
}

/** As orders and reports call it. */
export function idOf({ built: { listeners } }: Entry): string {
  const [first] = listeners;
  return first === undefined ? "" : `${first.kind} ${formatAuthority(first.address, first.port)}`;
}

export function reportOf(entry: Entry): InboundReport {
  const { wish, built, connections, state, problem } = entry;
  const [first] = built.listeners;
  return {
    id: idOf(entry),
    kind: wish.config.kind,
    service: built.deps.service,
    address: first?.address ?? "",
    port: first?.port ?? 0,
    listeners: built.listeners.length,
    state,
    origin: wish.origin,
    auth: built.deps.auth,
    connections: connections.size,
    ...(problem !== undefined && { problem }),
  };
}
