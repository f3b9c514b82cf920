// The ways through relays' ingresses: their addresses, and the keys that sign for them, opened in this isolate only.

import type { RelayLinkConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { importIngressKey } from "../../shared/ingress/signature.ts";
import type { Env } from "../env.ts";
import { secretBox } from "./root-key.ts";

export interface Egress {
  /** The ingress as the Worker reaches it. */
  readonly url: string;
  readonly key: CryptoKey;
}

/**
 * Opens what the relays of a configuration need, once per configuration. Never rejects: a key that cannot be opened, sealed
 * under another root key, fails the requests that want it, not the hosts that do without.
 */
export async function egressOf(
  relays: readonly RelayLinkConfig[],
  env: Pick<Env, "ROOT_KEY">,
): Promise<(relay: string) => Egress> {
  const ways = new Map<string, Egress | undefined>();
  for (const { name, url, key } of relays) {
    if (url === undefined || key === undefined) continue;
    const opened = await openKey(key, env);
    ways.set(name, opened && { url, key: opened });
  }
  return (relay) => {
    const way = ways.get(relay);
    if (way) return way;
    throw new CausewayError(ways.has(relay) ? "secrets_missing" : "relay_unreachable");
  };
}

async function openKey(sealed: string, env: Pick<Env, "ROOT_KEY">): Promise<CryptoKey | undefined> {
  try {
    const plain = await (await secretBox(env)).open(sealed);
    return plain === undefined ? undefined : await importIngressKey(plain);
  } catch {
    return undefined;
  }
}
