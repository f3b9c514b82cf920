// Every kind of inbound, by its name in the configuration. A new protocol is one more line here.

import type {
  InboundConfig,
  IngressInboundConfig,
  MixedInboundConfig,
  ProxyInboundConfig,
  TcpInboundConfig,
  UdpackInboundConfig,
  UdpInboundConfig,
} from "../../shared/config/schema.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { isLoopbackAuthority } from "../../shared/net/loopback.ts";
import { parseHostPorts, portCount } from "../../shared/net/ports.ts";
import type { Target } from "../outbound/outbound.ts";
import { udpackListener } from "../tunnel/udpack-transport.ts";
import { Acceptor } from "./acceptor.ts";
import type { Connections } from "./connections.ts";
import type { Inbound, InboundDeps, ListenAt } from "./inbound.ts";
import { IngressInbound } from "./ingress.ts";
import { MixedInbound } from "./mixed.ts";
import { SessionHost } from "./session.ts";
import { AddressList } from "./source-acl.ts";
import { TcpForward } from "./tcp-forward.ts";
import { UdpForward } from "./udp-forward.ts";
import { UdpackInbound } from "./udpack.ts";

export interface InboundContext {
  readonly deps: InboundDeps;
  readonly connections: Connections;
  /** Names the setting for errors: `relay.inbounds[0].listen`. */
  readonly setting: string;
  /** Says where a listener listens indeed, when that is not for the configuration alone to say. */
  readonly place?: ((at: ListenAt) => ListenAt) | undefined;
}

/** Whether all datagrams of a listener must come to one thread: sessions live where they began. */
export function isOnOneThread({ kind }: Pick<InboundConfig, "kind">): boolean {
  return kind === "udp" || kind === "udpack";
}

/** What of an inbound cannot change while it runs. */
export function lastingPart(config: InboundConfig): object {
  return config.kind === "udpack" ? { ...config, clients: [] } : config;
}

/** Where the listeners of one entry of the configuration are to listen, in their order. */
export function listenPoints(config: InboundConfig, setting: string): ListenAt[] {
  const isForward = config.kind === "tcp" || config.kind === "udp";
  return isForward
    ? forwardedPorts(config, { setting }).map(({ at }) => at)
    : [listenAt(config.listen, setting)];
}

/** The listeners that one entry of the configuration makes: a forward of a range has one for each port. */
export function createInbounds(config: InboundConfig, context: InboundContext): Inbound[] {
  switch (config.kind) {
    case "mixed":
    case "socks":
    case "http":
      return [createProxy(config, context)];
    case "tcp":
      return forwardedPorts(config, context).map((pair) => createTcpForward(config, pair, context));
    case "udp":
      return forwardedPorts(config, context).map((pair) => createUdpForward(config, pair, context));
    case "ingress":
      return [createIngress(config, context)];
    case "udpack":
      return [createUdpack(config, context)];
  }
}

type SocksKeys = Partial<Pick<MixedInboundConfig, "advertise" | "bind_ports" | "udp_ports">>;

function createProxy(config: ProxyInboundConfig, context: InboundContext): Inbound {
  const host = new SessionHost(context.deps);
  const { advertise, bind_ports, udp_ports }: SocksKeys = config.kind === "http" ? {} : config;
  const onLoopback = isLoopbackAuthority(config.listen);
  const bind = { onLoopback, ports: bind_ports, advertise, timeoutMs: context.deps.bindTimeoutMs };
  return new MixedInbound(
    {
      kind: config.kind,
      at: pointOf(config, context),
      socks: { bind, associate: { ports: udp_ports, advertise } },
    },
    host,
    acceptorFor(config, host, context),
  );
}

function createTcpForward(config: TcpInboundConfig, pair: PortPair, context: InboundContext): Inbound {
  const host = new SessionHost(context.deps);
  const options = { ...pair, header: config.proxy_protocol.to };
  return new TcpForward(options, host, acceptorFor(config, host, context));
}

function createUdpForward(config: UdpInboundConfig, pair: PortPair, context: InboundContext): Inbound {
  const host = new SessionHost({ ...context.deps, idleTimeoutMs: config.idle_timeout });
  const allow = new AddressList(config.allow);
  const { connections } = context;
  return new UdpForward({ ...pair, allow, connections, sessionsMax: RELAY_LIMITS.UDP_SESSIONS_MAX }, host);
}

function createIngress({ listen, key, allow }: IngressInboundConfig, context: InboundContext): Inbound {
  const host = new SessionHost(context.deps);
  const { connections } = context;
  const acceptor = new Acceptor(host, {
    connections,
    allow: new AddressList(allow),
    from: new AddressList([]),
    isForEdge: true,
  });
  return new IngressInbound({ at: pointOf({ listen }, context), key }, host, acceptor);
}

function createUdpack(config: UdpackInboundConfig, context: InboundContext): Inbound {
  const { connections, deps } = context;
  const at = pointOf(config, context);
  const own = JSON.stringify(lastingPart(config));
  return new UdpackInbound(
    {
      at,
      clients: config.clients,
      clientsIn: (inbounds) =>
        inbounds
          .filter((other) => other.kind === "udpack")
          .find((other) => JSON.stringify(lastingPart(other)) === own)?.clients,
      connections,
      sessionsMax: config.max_sessions,
      spool: deps.spool,
      listen: udpackListener(config),
    },
    new SessionHost(deps),
  );
}

function acceptorFor(
  { allow, proxy_protocol }: Pick<ProxyInboundConfig, "allow" | "proxy_protocol">,
  host: SessionHost,
  { connections }: InboundContext,
): Acceptor {
  const from = new AddressList(proxy_protocol.from);
  return new Acceptor(host, { connections, allow: new AddressList(allow), from });
}

function pointOf({ listen }: Pick<InboundConfig, "listen">, { setting, place }: InboundContext): ListenAt {
  const at = listenAt(listen, setting);
  return place?.(at) ?? at;
}

/** A listener and where it leads. */
interface PortPair {
  readonly at: ListenAt;
  readonly target: Target;
}

function forwardedPorts(
  { listen, target }: Pick<TcpInboundConfig, "listen" | "target">,
  { setting, place = (at) => at }: Pick<InboundContext, "setting" | "place">,
): PortPair[] {
  const to = parseHostPorts(target);
  if (to === undefined) throw new RangeError(`Cannot forward to "${target}": expected a host and a port`);
  const from = parseHostPorts(listen);
  if (from === undefined) {
    return [{ at: place(listenAt(listen, setting)), target: { host: to.host, port: to.first } }];
  }
  return Array.from({ length: portCount(from) }, (_, index) => ({
    at: place({ host: from.host, port: from.first + index, setting }),
    target: { host: to.host, port: to.first === to.last ? to.first : to.first + index },
  }));
}

/** Reads `listen` as the schema accepts it, with one port. */
export function listenAt(listen: string, setting: string): ListenAt {
  const colon = listen.lastIndexOf(":");
  return {
    host: listen.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(listen.slice(colon + 1)),
    setting,
  };
}
