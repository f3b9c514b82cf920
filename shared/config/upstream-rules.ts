// Rules about the way to upstreams: how many are checked actively, and that no key of a relay is used in the open. They read
// the raw document, as rules.ts does. Pure.

import { HEALTH_LIMITS } from "../limits.ts";
import { isLoopbackAuthority } from "../net/loopback.ts";
import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";
import { entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Problems of hosts' active checks and of relays' addresses. */
export function checkWays(raw: Table): Problem[] {
  return [...checkCount(raw), ...checkRelayUrls(raw)];
}

/** One object makes all checks. */
function checkCount(raw: Table): Problem[] {
  let count = 0;
  for (const { path, table } of entriesOf(raw, "hosts")) {
    if (!isTable(table.health) || table.health.active === undefined) continue;
    count += Array.isArray(table.upstreams) ? table.upstreams.length : 0;
    if (count <= HEALTH_LIMITS.CHECKS_MAX) continue;
    const legal = `active checks of at most ${HEALTH_LIMITS.CHECKS_MAX} upstreams over all hosts`;
    return [{ path: `${path}.health.active`, value: `upstream ${count}`, legal }];
  }
  return [];
}

/** The signature covers neither body nor fields, which may be anybody's secrets. */
function checkRelayUrls(raw: Table): Problem[] {
  return entriesOf(raw, "relays").flatMap((relay) => {
    const url = textOf(relay, "url");
    const host = /^http:\/\/([^/?#]*)/i.exec(url ?? "")?.[1];
    if (host === undefined || isLoopbackAuthority(host)) return [];
    const legal = "https://, because plain http:// may go to loopback only";
    return [{ path: `${relay.path}.url`, value: showValue(url, undefined), legal }];
  });
}
