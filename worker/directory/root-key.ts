// The secret box of this isolate. Deriving its keys takes a few milliseconds of waiting, so it is kept.

import { createSecretBox, type SecretBox } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Env } from "../env.ts";

let kept: { readonly rootKey: string; readonly box: SecretBox } | undefined;

/**
 * The box of the deployment's root key.
 * @throws CausewayError `secrets_missing` when ROOT_KEY is absent or malformed
 */
export async function secretBox(env: Pick<Env, "ROOT_KEY">): Promise<SecretBox> {
  if (kept?.rootKey === env.ROOT_KEY) return kept.box;
  const rootKey = env.ROOT_KEY;
  try {
    const box = await createSecretBox(rootKey);
    kept = { rootKey, box };
    return box;
  } catch (cause) {
    throw new CausewayError("secrets_missing", undefined, { cause });
  }
}
