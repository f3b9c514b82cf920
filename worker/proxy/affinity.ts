// The cookie that keeps a browser with its upstream (policy "cookie"). Its name and value are keyed hashes: they show
// neither the upstream's address nor its place in the list, and stay the same when a push keeps the upstream.

import { decodeBase64Url, encodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { Env } from "../env.ts";

/** 72 bits name one upstream among 64; nothing is gained by forging one, so that no more are needed. */
const VALUE_BYTES = 9;
const NAME_BYTES = 6;

const encoder = new TextEncoder();

/** The key of this isolate, made once per root key. */
let kept: { readonly rootKey: string; readonly key: CryptoKey } | undefined;

export class Affinity {
  readonly #service: string;
  readonly #upstreams: readonly string[];
  #name = "";
  #values: readonly string[] = [];

  /** @param upstreams what identifies each upstream */
  constructor(service: string, upstreams: readonly string[]) {
    this.#service = service;
    this.#upstreams = upstreams;
  }

  get isReady(): boolean {
    return this.#name !== "";
  }

  /**
   * Makes the hashes; each request that comes before they are there makes its own, because none may wait for another's.
   * @throws CausewayError `secrets_missing`
   */
  async prepare(env: Pick<Env, "ROOT_KEY">): Promise<void> {
    const key = await affinityKey(env.ROOT_KEY);
    const hash = async (text: string, bytes: number): Promise<string> => {
      const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
      return encodeBase64Url(new Uint8Array(mac).subarray(0, bytes));
    };
    const values = await Promise.all(
      this.#upstreams.map((upstream) => hash(`value ${this.#service} ${upstream}`, VALUE_BYTES)),
    );
    const name = await hash(`name ${this.#service}`, NAME_BYTES);
    this.#values = values;
    this.#name = `causeway_${name}`;
  }

  /** The index of the upstream that a request's cookie names; undefined without one, or where it is no longer there. */
  indexOf(request: Request): number | undefined {
    const header = request.headers.get("cookie");
    if (header === null) return undefined;
    const pair = header
      .split(";")
      .map((text) => text.trim())
      .find((text) => text.startsWith(`${this.#name}=`));
    const index = pair === undefined ? -1 : this.#values.indexOf(pair.slice(this.#name.length + 1));
    return index < 0 ? undefined : index;
  }

  /** The Set-Cookie value for a reply of the upstream: it lasts as long as the browser's session. */
  cookieFor(index: number, secure: boolean): string {
    return `${this.#name}=${this.#values[index] ?? ""}; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
  }
}

async function affinityKey(rootKey: string | undefined): Promise<CryptoKey> {
  if (kept !== undefined && kept.rootKey === rootKey) return kept.key;
  const root = decodeBase64Url(rootKey ?? "");
  if (rootKey === undefined || root?.byteLength !== 32) throw new CausewayError("secrets_missing");
  const material = await crypto.subtle.importKey("raw", root, "HKDF", false, ["deriveKey"]);
  const info = encoder.encode("causeway affinity v1");
  const key = await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
  kept = { rootKey, key };
  return key;
}
