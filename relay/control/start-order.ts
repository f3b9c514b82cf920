// What an order to start an inbound may open: loopback, or what relay.remote_ports lists, and beyond loopback only with
// passwords. Whoever gives orders is trusted with less than whoever writes the configuration. Pure.

import * as v from "valibot";
import { InboundSchema } from "../../shared/config/inbound-schema.ts";
import type { RelayConfig } from "../../shared/config/schema.ts";
import type { StartOrder } from "../../shared/control/orders.ts";
import { CausewayError } from "../../shared/errors.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import { isLoopbackAuthority } from "../../shared/net/loopback.ts";
import type { InboundWish } from "../inbound-entry.ts";

type Terms = Pick<RelayConfig, "remote_ports" | "users">;

/** @throws CausewayError `port_not_offered`; `bad_request` for a listener that a configuration could not have either */
export function wishFor(order: StartOrder, terms: Terms): InboundWish {
  const listen = formatAuthority(addressFor(order, terms), order.port);
  const onLoopback = isLoopbackAuthority(listen);
  const auth = order.auth ?? (onLoopback ? "none" : "password");
  if (!onLoopback && auth === "none")
    throw new CausewayError(
      "bad_request",
      `Cannot start on ${listen}: beyond loopback auth must be "password"`,
    );
  if (auth === "password" && terms.users.length === 0)
    throw new CausewayError(
      "bad_request",
      `Cannot start on ${listen}: the relay has no users to ask for passwords`,
    );
  const config = v.parse(InboundSchema, { kind: order.proxy_type, listen, auth });
  const said = { address: order.address, auth: order.auth };
  return { config, origin: "order", key: "", setting: "the order's port", said };
}

function addressFor({ port, address }: StartOrder, { remote_ports }: Terms): string {
  const wanted = address === undefined ? undefined : canonicalIp(address);
  const offered = remote_ports.find(
    ({ host, first, last }) =>
      first <= port && port <= last && (wanted === undefined || canonicalIp(host) === wanted),
  );
  const chosen = wanted ?? offered?.host ?? "127.0.0.1";
  if (offered === undefined && !isLoopbackAuthority(formatAuthority(chosen, port)))
    throw new CausewayError("port_not_offered");
  return chosen;
}
