// Every kind of inbound, by its name in the configuration. A new protocol is one more line here.

import type { InboundConfig } from "../../shared/config/schema.ts";
import type { Connections } from "./connections.ts";
import type { Inbound, InboundDeps, ListenAt } from "./inbound.ts";
import { MixedInbound } from "./mixed.ts";

type CreateInbound = (at: ListenAt, deps: InboundDeps, connections: Connections) => Inbound;

const KINDS: Readonly<Record<InboundConfig["kind"], CreateInbound>> = {
  mixed: (at, deps, connections) => new MixedInbound(at, deps, connections),
};

export function createInbound(
  kind: InboundConfig["kind"],
  at: ListenAt,
  deps: InboundDeps,
  connections: Connections,
): Inbound {
  return KINDS[kind](at, deps, connections);
}
