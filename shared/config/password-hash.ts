// The form of a kept password, "scrypt:LOG2N:R:P:SALT:HASH" (base64url): reading and writing it, and what it may cost to
// check one. scrypt itself runs in Node and in the Worker, each in its own way. Pure.

import { decodeBase64Url, encodeBase64Url } from "./secrets.ts";

/** Costs of scrypt (RFC 7914): N = 2^log2n, block size r, passes p. */
export interface ScryptCost {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
}

export interface PasswordHash extends ScryptCost {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** 32 MiB and three passes, 0.15 to 0.3 s: as strong as OWASP's first choice at a quarter of its memory. */
export const PASSWORD_COST: ScryptCost = { log2n: 15, r: 8, p: 3 };
export const PASSWORD_SALT_BYTES = 16;
export const PASSWORD_HASH_BYTES = 32;

const FORM = /^scrypt:(1[0-7]):([1-8]):([1-8]):([A-Za-z0-9_-]{22,64}):([A-Za-z0-9_-]{43})$/;

/** Undefined for anything the schema would not have let pass: costs beyond its bounds could stop the process. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, log2n, r, p, salt = "", hash = ""] = FORM.exec(text) ?? [];
  const saltBytes = decodeBase64Url(salt);
  const hashBytes = decodeBase64Url(hash);
  if (log2n === undefined || saltBytes === undefined || hashBytes?.length !== PASSWORD_HASH_BYTES)
    return undefined;
  return { log2n: Number(log2n), r: Number(r), p: Number(p), salt: saltBytes, hash: hashBytes };
}

export function formatPasswordHash({ log2n, r, p, salt, hash }: PasswordHash): string {
  return `scrypt:${log2n}:${r}:${p}:${encodeBase64Url(salt)}:${encodeBase64Url(hash)}`;
}

/** Bytes that scrypt needs: OpenSSL takes a little more than the 128 * N * r of the algorithm itself. */
export function scryptMemory({ log2n, r, p }: ScryptCost): number {
  return 128 * r * (2 ** log2n + p + 32);
}

/**
 * Whether the edge can check such a hash: it does so on the isolate's only thread and within its 128 MB, so no more than a
 * third above what `causeway hash` asks for.
 */
export function isCheapEnough({ log2n, r, p }: ScryptCost): boolean {
  const { log2n: n0, r: r0, p: p0 } = PASSWORD_COST;
  return 2 ** log2n * r <= 2 ** n0 * r0 && 2 ** log2n * r * p <= 2 ** n0 * r0 * (p0 + 1);
}
