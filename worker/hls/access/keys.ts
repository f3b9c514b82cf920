// The keys of signed addresses in this isolate: opened and imported once per configuration, with the tokens that they have
// verified. Which tokens are good for what is admission.ts.

import type { SigningKeyConfig } from "../../../shared/config/schema.ts";
import { decodeBase64Url } from "../../../shared/config/secrets.ts";
import { CausewayError } from "../../../shared/errors.ts";
import { VIEWER_LIMITS } from "../../../shared/limits.ts";
import { ClientTable } from "../../../shared/net/rate-window.ts";
import {
  importSigningKey,
  type SigningKey,
  signToken,
  type TokenClaims,
  verifyToken,
} from "../../../shared/viewers/token.ts";
import type { ConfigSnapshot } from "../../directory/client.ts";
import { secretBox } from "../../directory/root-key.ts";
import type { Env } from "../../env.ts";

/** Id of the key that is derived from ROOT_KEY where the configuration has none. */
const DERIVED_ID = "root";

export class KeyRing {
  readonly #signer: SigningKey;
  readonly #keys: ReadonlyMap<string, CryptoKey>;
  readonly #verified = new ClientTable<TokenClaims>(VIEWER_LIMITS.TOKENS_MAX);

  constructor(keys: readonly [SigningKey, ...SigningKey[]]) {
    this.#signer = keys[0];
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  sign(claims: TokenClaims): Promise<string> {
    return signToken(this.#signer, claims);
  }

  /** The claims of a genuine token, whether or not it has expired; undefined for any other text. */
  async verify(token: string): Promise<TokenClaims | undefined> {
    const known = this.#verified.get(token);
    if (known) return known;
    const claims = await verifyToken(this.#keys, token);
    if (claims) this.#verified.set(token, claims);
    return claims;
  }
}

const rings = new WeakMap<readonly SigningKeyConfig[], KeyRing>();

/** @throws CausewayError `secrets_missing` when ROOT_KEY is absent, or the signing key was sealed under another one */
export async function keyRing(
  config: Pick<ConfigSnapshot, "signingKeys">,
  env: Pick<Env, "ROOT_KEY">,
): Promise<KeyRing> {
  const known = rings.get(config.signingKeys);
  if (known) return known;
  const [signer, ...others] = config.signingKeys;
  const keys: [SigningKey, ...SigningKey[]] =
    signer === undefined ? [await derivedKey(env)] : [await openKey(signer, env)];
  for (const other of others) keys.push(await openKey(other, env));
  const ring = new KeyRing(keys);
  // Kept only once it is there: a promise of a request that ends early would never settle for the others.
  rings.set(config.signingKeys, ring);
  return ring;
}

async function openKey({ id, key }: SigningKeyConfig, env: Pick<Env, "ROOT_KEY">): Promise<SigningKey> {
  const plain = await (await secretBox(env)).open(key);
  if (plain !== undefined) return { id, key: await importSigningKey(plain) };
  throw new CausewayError(
    "secrets_missing",
    "A signing key was sealed under another ROOT_KEY: push the configuration again",
  );
}

async function derivedKey({ ROOT_KEY }: Pick<Env, "ROOT_KEY">): Promise<SigningKey> {
  const root = decodeBase64Url(ROOT_KEY ?? "");
  if (root?.length !== 32) throw new CausewayError("secrets_missing");
  const material = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode("causeway viewer tokens v1");
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  const bits = await crypto.subtle.deriveBits(derivation, material, 256);
  return { id: DERIVED_ID, key: await importSigningKey(new Uint8Array(bits)) };
}
