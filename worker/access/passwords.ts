/// <reference path="./node-crypto.d.ts" />
// Passwords at the edge: checked against their scrypt hashes once per isolate, then recognised by an HMAC under a key that
// nobody knows. scrypt holds up the isolate's only thread, so wrong passwords have a budget of it, and a wrong one that is
// sent again and again is recognised, too.

import { createHmac, scryptSync } from "node:crypto";
import {
  formatPasswordHash,
  isCheapEnough,
  PASSWORD_COST,
  PASSWORD_HASH_BYTES,
  PASSWORD_SALT_BYTES,
  type PasswordHash,
  parsePasswordHash,
  type ScryptCost,
  scryptMemory,
} from "../../shared/config/password-hash.ts";
import { SIGN_IN_LIMITS as LIMITS } from "../../shared/limits.ts";
import { timingSafeEqual } from "../../shared/net/constant-time.ts";
import { ClientTable } from "../../shared/net/rate-window.ts";

/** `repeated`: wrong, and was found wrong a moment ago; `busy`: not looked at, too many were wrong lately. */
export type PasswordVerdict = "right" | "wrong" | "repeated" | "busy";

let key: Uint8Array | undefined;
/** Tags of right passwords by stored hash and user, who may share one, and of wrong ones by themselves with their time. */
const right = new ClientTable<string>(LIMITS.RIGHT_MAX);
const wrong = new ClientTable<number>(LIMITS.WRONG_MAX);
let budget: number = LIMITS.WRONG_BURST;
let budgetAt = 0;

/**
 * Judges a password. Without `stored` the user does not exist: then it costs what a wrong password costs, by the hash of
 * `decoy`, or the time would tell which names exist.
 */
export function checkPassword(
  { user, password, stored }: { user: string; password: string; stored: string | undefined },
  decoy: string,
  now: number,
): PasswordVerdict {
  const against = stored ?? decoy;
  // Two spellings of one password are one: in turn they would make each other forgotten.
  const account = `${against}\0${user}`;
  const tag = keyedTag(`${account}\0${password.normalize("NFC")}`);
  const known = right.get(account);
  if (stored !== undefined && known !== undefined && timingSafeEqual(known, tag)) return "right";
  if (wasWrong(tag, now)) return "repeated";
  if (!hasBudget(now)) return "busy";
  const parsed = parsePasswordHash(against);
  const isRight = parsed !== undefined && isCheapEnough(parsed) && matches(password, parsed);
  if (isRight && stored !== undefined) {
    right.set(account, tag);
    return "right";
  }
  budget--;
  wrong.set(tag, now);
  return "wrong";
}

/** Notes a wrong credential of another kind; true if it was wrong a moment ago already. */
export function isRepeatedGuess(credential: string, now: number): boolean {
  const tag = keyedTag(credential);
  if (wasWrong(tag, now)) return true;
  wrong.set(tag, now);
  return false;
}

/** Hashes a password for the document. Holds up the isolate for as long as a check does. */
export function hashPassword(password: string, salt: Uint8Array | undefined): string {
  const used = salt ?? crypto.getRandomValues(new Uint8Array(PASSWORD_SALT_BYTES));
  return formatPasswordHash({ ...PASSWORD_COST, salt: used, hash: derive(password, used, PASSWORD_COST) });
}

/** Made with the first use: random values are refused at start-up. */
function keyedTag(text: string): string {
  key ??= crypto.getRandomValues(new Uint8Array(32));
  return createHmac("sha256", key).update(text).digest("base64");
}

function wasWrong(tag: string, now: number): boolean {
  const at = wrong.get(tag);
  return at !== undefined && now - at < LIMITS.WRONG_KEPT_MS;
}

/** What wrong passwords may still use; it comes back with time. */
function hasBudget(now: number): boolean {
  const back = Math.floor((now - budgetAt) / LIMITS.WRONG_REFILL_MS);
  if (back > 0) {
    budget = Math.min(LIMITS.WRONG_BURST, budget + back);
    budgetAt = budget === LIMITS.WRONG_BURST ? now : budgetAt + back * LIMITS.WRONG_REFILL_MS;
  }
  return budget > 0;
}

function matches(password: string, { hash, salt, ...cost }: PasswordHash): boolean {
  return timingSafeEqual(derive(password, salt, cost), hash);
}

function derive(password: string, salt: Uint8Array, cost: ScryptCost): Uint8Array {
  const { log2n, r, p } = cost;
  const options = { N: 2 ** log2n, r, p, maxmem: scryptMemory(cost) };
  return new Uint8Array(scryptSync(password.normalize("NFC"), salt, PASSWORD_HASH_BYTES, options));
}
