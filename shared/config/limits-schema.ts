// What users of a relay and addresses of its clients may use: keys of [relay] in causeway.toml. Pure.

import * as v from "valibot";
import type { QuotaPeriod } from "../flow/quota.ts";
import { RELAY_LIMITS } from "../limits.ts";
import { absent, list, optional } from "./entries.ts";
import { cidr, date, duration, integer, parseSize, quota, rate, transformed } from "./fields.ts";

/** So many bytes per period, or once and for all. */
export interface UserQuota {
  readonly bytes: number;
  readonly period: QuotaPeriod | "total";
}

/** "20MB/s"; comes out in bytes per second. */
export function byteRate() {
  const legal = '1KB/s to 100GB/s, as in "20MB/s"';
  return transformed(legal, (text) => {
    const [amount = "", unit, ...more] = text.split("/");
    const bytes = parseSize(amount) ?? 0;
    return unit === "s" && more.length === 0 && bytes >= 1e3 && bytes <= 1e11 ? bytes : undefined;
  });
}

/** "1TB/month", or "100GB" once and for all. */
function userQuota() {
  const periodic = quota();
  const legal = '1MB to 1000TB, for good or per hour, day, week, month, as in "100GB" or "1TB/month"';
  return transformed(legal, (text): UserQuota | undefined => {
    const known = v.safeParse(periodic, text);
    if (known.success) return known.output;
    const bytes = parseSize(text) ?? 0;
    return bytes >= 1e6 && bytes <= 1e15 ? { bytes, period: "total" } : undefined;
  });
}

const maxConnections = (whose: string) =>
  absent(integer(1, 1_000_000), `Connections of ${whose} at a time; absent: no bound of its own.`);

/** Keys of a user. */
export const userLimitKeys = {
  max_connections: maxConnections("the user"),
  rate: absent(byteRate(), "Bytes per second each way, shared fairly by the user's connections."),
  quota: absent(
    userQuota(),
    "Bytes both ways, for good or per period (UTC). Once they are used up, connections end and new ones are refused.",
  ),
  expires: absent(date(), "From this day on (UTC) the user is refused, and connections that are open end."),
};

const PerClient = v.strictObject({
  max_connections: maxConnections("one client address"),
  accept_rate: absent(
    rate(),
    "New connections of one client address; more are disconnected before a byte is read.",
  ),
  rate: absent(byteRate(), "Bytes per second each way, shared fairly by the address's connections."),
  quota: absent(quota(), "Bytes both ways per period (UTC) of one client address."),
});

/** Keys of [relay] itself. */
export const relayLimitKeys = {
  deny: list(cidr(), 10_000, "Client addresses that no inbound serves, whatever its allow says."),
  max_connections: optional(
    integer(1, 1_000_000),
    RELAY_LIMITS.CONNECTIONS_MAX,
    "Client connections at a time, each of which takes two descriptors; more are disconnected.",
  ),
  accept_rate: absent(rate(), "New connections of all clients but the edge; more are disconnected."),
  handshake_timeout: optional(
    duration("1s", "10m"),
    "10s",
    "From accepting a connection to its complete request; one that takes longer is ended.",
  ),
  per_client: optional(
    PerClient,
    {},
    "What one client address (IPv6: its /64) may use, of all inbounds but ingress, whose clients the edge bounds.",
  ),
};
