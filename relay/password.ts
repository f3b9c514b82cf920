// Passwords: scrypt hashes in the form "scrypt:LOG2N:R:P:SALT:HASH" (base64url), made by `causeway hash` and checked at
// sign-in. scrypt runs on Node's thread pool of four, which files and name lookups need as well, so few run at a time.

import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { CausewayError } from "../shared/errors.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";

/** 32 MiB and three passes, about 0.3 s: as strong as OWASP's first choice at a quarter of its memory. */
const COST = { log2n: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Verified passwords remembered: as many as there may be users. */
const VERIFIED_MAX = 10_000;

interface PasswordHash {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

let running = 0;
const waiting: (() => void)[] = [];

/** Keyed hashes of passwords that were right, by stored hash; the key dies with the process. */
const verified = new Map<string, Buffer>();
const verifiedKey = randomBytes(32);
/** Checks under way, by the same keyed hash: a client that opens fifty connections at once costs one scrypt. */
const checking = new Map<string, Promise<boolean>>();

/** Hashes a password for the configuration file. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await inTurn(() => derive(password, { ...COST, salt }));
  const { log2n, r, p } = COST;
  return `scrypt:${log2n}:${r}:${p}:${salt.toString("base64url")}:${hash.toString("base64url")}`;
}

/**
 * Whether `password` is the one behind `stored`. A password that was right once is recognised without scrypt.
 * @throws CausewayError `sign_in_busy` when too many checks are waiting already
 */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parseHash(stored);
  if (parsed === undefined) return false;
  const tag = createHmac("sha256", verifiedKey).update(stored).update("\0").update(password).digest();
  const known = verified.get(stored);
  if (known !== undefined && timingSafeEqual(known, tag)) return true;
  const key = tag.toString("base64");
  const check =
    checking.get(key) ?? runCheck(password, stored, parsed, tag).finally(() => checking.delete(key));
  checking.set(key, check);
  return check;
}

async function runCheck(
  password: string,
  stored: string,
  parsed: PasswordHash,
  tag: Buffer,
): Promise<boolean> {
  const hash = await inTurn(() => derive(password, parsed));
  if (!timingSafeEqual(hash, parsed.hash)) return false;
  remember(stored, tag);
  return true;
}

/** Undefined for anything the schema would not have let pass: costs beyond its bounds could stop the process. */
function parseHash(stored: string): PasswordHash | undefined {
  const form = /^scrypt:(1[0-7]):([1-8]):([1-8]):([A-Za-z0-9_-]{22,64}):([A-Za-z0-9_-]{43})$/.exec(stored);
  if (form === null) return undefined;
  const [, log2n = "", r = "", p = "", salt = "", hash = ""] = form;
  return {
    log2n: Number(log2n),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, "base64url"),
    hash: Buffer.from(hash, "base64url"),
  };
}

function derive(password: string, { log2n, r, p, salt }: Omit<PasswordHash, "hash">): Promise<Buffer> {
  const N = 2 ** log2n;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  // OpenSSL needs a little more than the 128 * N * r bytes of the algorithm itself.
  const options: ScryptOptions = { N, r, p, maxmem: 128 * r * (N + p + 32) };
  scrypt(password.normalize("NFC"), salt, HASH_BYTES, options, (error, hash) => {
    if (error === null) resolve(hash);
    else reject(error);
  });
  return promise;
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= RELAY_LIMITS.SCRYPT_CONCURRENCY) {
    if (waiting.length >= RELAY_LIMITS.SCRYPT_QUEUE) throw new CausewayError("sign_in_busy");
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running++;
  }
  try {
    return await work();
  } finally {
    // The slot passes to the next in line without being given back, so nobody slips in between.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function remember(stored: string, tag: Buffer): void {
  verified.delete(stored);
  verified.set(stored, tag);
  if (verified.size <= VERIFIED_MAX) return;
  const [oldest] = verified.keys();
  if (oldest !== undefined) verified.delete(oldest);
}
