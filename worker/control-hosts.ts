// The names of the control plane, parsed once per isolate from the var CONTROL_HOSTS.

import { canonicalHost } from "../shared/net/host-name.ts";

let parsedFrom: string | undefined;
let names: ReadonlySet<string> = new Set();

/** True when `hostname` (as a parsed URL spells it, without a trailing dot) is one of the names in `list`. */
export function isControlHost(hostname: string, list: string | undefined): boolean {
  if (list !== parsedFrom) {
    names = parseControlHosts(list ?? "");
    parsedFrom = list;
  }
  return names.has(hostname);
}

/** Names separated by commas, in the spelling that a parsed URL gives them. */
function parseControlHosts(list: string): ReadonlySet<string> {
  const entries = list.split(",").map((entry) => canonicalHost(entry.trim()));
  return new Set(entries.filter((name) => name !== ""));
}
