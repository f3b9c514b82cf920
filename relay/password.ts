// Passwords: scrypt hashes in the form "scrypt:LOG2N:R:P:SALT:HASH" (base64url), made by `causeway hash` and checked at
// sign-in. scrypt runs on Node's thread pool of four, which files and name lookups need as well, so few run at a time.

import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import {
  formatPasswordHash,
  PASSWORD_COST,
  PASSWORD_HASH_BYTES,
  PASSWORD_SALT_BYTES,
  type PasswordHash,
  parsePasswordHash,
  scryptMemory,
} from "../shared/config/password-hash.ts";
import { CausewayError } from "../shared/errors.ts";
import { RELAY_LIMITS } from "../shared/limits.ts";

let running = 0;
const waiting: (() => void)[] = [];

/** Keyed hashes of passwords that were right, by stored hash; the key dies with the process. */
const verified = new Map<string, Buffer>();
const verifiedKey = randomBytes(32);
/** Checks under way, by the same keyed hash: a client that opens fifty connections at once costs one scrypt. */
const checking = new Map<string, Promise<boolean>>();

/** Hashes a password for the configuration. */
export async function hashPassword(
  password: string,
  salt: Uint8Array = randomBytes(PASSWORD_SALT_BYTES),
): Promise<string> {
  const hash = await inTurn(() => derive(password, { ...PASSWORD_COST, salt }));
  return formatPasswordHash({ ...PASSWORD_COST, salt, hash });
}

/**
 * Whether `password` is the one behind `stored`. A password that was right once is recognised without scrypt.
 * @throws CausewayError `sign_in_busy` when too many checks are waiting already
 */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parsePasswordHash(stored);
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

function derive(password: string, { salt, ...cost }: Omit<PasswordHash, "hash">): Promise<Buffer> {
  const { log2n, r, p } = cost;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { N: 2 ** log2n, r, p, maxmem: scryptMemory(cost) };
  scrypt(password.normalize("NFC"), salt, PASSWORD_HASH_BYTES, options, (error, hash) => {
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
  if (verified.size <= RELAY_LIMITS.PASSWORDS_REMEMBERED_MAX) return;
  const [oldest] = verified.keys();
  if (oldest !== undefined) verified.delete(oldest);
}
