// Which client address a reply says that it has seen: services that answer with it do so in a handful of forms. Pure.

import { canonicalIp } from "../../shared/net/address.ts";

/** Keys under which such services answer in JSON, the clearest first. */
const KEYS = ["ip", "origin", "query", "client_ip", "address", "remote_address", "remote_addr"];

/** The address in a reply's body: alone, as `ip=…` on a line of its own, or under a known key of a JSON object. */
export function seenAddress(body: string): string | undefined {
  const text = body.trim();
  return canonicalIp(text) ?? fromLine(text) ?? fromJson(text);
}

/** As Cloudflare's /cdn-cgi/trace has it. */
function fromLine(text: string): string | undefined {
  const value = /^ip=(\S{2,45})\r?$/m.exec(text)?.[1];
  return value === undefined ? undefined : canonicalIp(value);
}

function fromJson(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const key of KEYS) {
    const named: unknown = Reflect.get(value, key);
    const address = typeof named === "string" ? canonicalIp(named) : undefined;
    if (address !== undefined) return address;
  }
  return undefined;
}
