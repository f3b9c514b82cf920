// Field types of causeway.toml: each is a valibot schema that carries its legal range as words, for error messages and
// for docs/CONFIG.md. Values come out in base units: milliseconds, bytes. Pure.

import * as v from "valibot";
import { parseCidr } from "../net/cidr.ts";
import { pathReadings } from "../net/path-readings.ts";

const DURATION_UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS_BYTES = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([A-Za-z]{1,3})$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  return match && factor !== undefined ? Math.round(Number(match[1]) * factor) : undefined;
}

/** Milliseconds of a duration such as "10s", or undefined. */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, DURATION_UNITS_MS);
}

/** Bytes of a size such as "64MiB", or undefined. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, SIZE_UNITS_BYTES);
}

function ranged(parse: (text: string) => number | undefined, min: string, max: string, example: string) {
  const low = parse(min) ?? Number.NaN;
  const high = parse(max) ?? Number.NaN;
  const legal = `${min} to ${max}, as in "${example}"`;
  return v.pipe(
    v.string(legal),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined && value >= low && value <= high) return value;
      addIssue({ message: legal });
      return NEVER;
    }),
    v.metadata({ legal }),
  );
}

/** A duration within [min, max], e.g. "10s"; comes out in milliseconds. */
export function duration(min: string, max: string) {
  return ranged(parseDuration, min, max, "10s");
}

/** A size within [min, max], e.g. "64MiB"; comes out in bytes. */
export function size(min: string, max: string) {
  return ranged(parseSize, min, max, "64MiB");
}

export function integer(min: number, max: number) {
  const legal = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(legal),
    v.integer(legal),
    v.minValue(min, legal),
    v.maxValue(max, legal),
    v.metadata({ legal }),
  );
}

export function flag() {
  return v.pipe(v.boolean("true or false"), v.metadata({ legal: "true or false" }));
}

/** Text of bounded length without control characters, so that it can stand in headers, logs and playlists. */
export function text(max: number, min = 0) {
  const legal = `text of ${min} to ${max} characters without control characters`;
  return v.pipe(
    v.string(legal),
    v.minLength(min, legal),
    v.maxLength(max, legal),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    v.regex(/^[^\u0000-\u001f\u007f]*$/, legal),
    v.metadata({ legal }),
  );
}

/** Text matching `pattern`; `legal` says in words what matches. */
export function pattern(regex: RegExp, legal: string) {
  return v.pipe(v.string(legal), v.regex(regex, legal), v.metadata({ legal }));
}

/** Text for which `isLegal` holds; `legal` says in words what that is. */
export function checked(legal: string, isLegal: (value: string) => boolean) {
  return v.pipe(v.string(legal), v.check(isLegal, legal), v.metadata({ legal }));
}

export function oneOf<const T extends readonly string[]>(options: T) {
  const legal = `one of ${options.map((option) => `"${option}"`).join(", ")}`;
  return v.pipe(v.picklist(options, legal), v.metadata({ legal }));
}

/** Whether `value` is an absolute http: or https: URL without fragment. */
export function isHttpUrl(value: string): boolean {
  return value.length <= 2_048 && /^https?:\/\/[^#\s]+$/i.test(value) && URL.canParse(value);
}

/** An absolute http: or https: URL without fragment. */
export function httpUrl() {
  return checked("an absolute http:// or https:// URL without a fragment", isHttpUrl);
}

/** A URL that requests' paths are put behind, so it has neither user, query nor fragment. */
export function baseUrl() {
  return checked("an absolute http:// or https:// URL without user, query or fragment", (value) => {
    const url = isHttpUrl(value) ? URL.parse(value) : null;
    return url !== null && url.username + url.password === "" && !value.includes("?");
  });
}

/** A path for routing, exact or with a final "*": spelled as a parsed URL spells it, or no request would ever match. */
export function routePath() {
  const legal =
    'a path as in "/api" or "/api/*", non-ASCII letters escaped, without other escapes, dot segments, ";" and "//"';
  return checked(legal, (value) => {
    const path = value.replace(/\*$/, "");
    const isPlain = /^\/[^\s?#\\]{0,1000}$/.test(value) && URL.parse(`http://host${path}`)?.pathname === path;
    return isPlain && pathReadings(path).every((reading) => reading === path);
  });
}

/** A range of client addresses, or one address. */
export function cidr() {
  const legal = 'an address or a range of them, as in "203.0.113.0/24" or "2001:db8::/32"';
  return checked(legal, (value) => parseCidr(value) !== undefined);
}

/** How often something may happen. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** "100/10s": a count per duration from 1 s to 1 h. */
export function rate() {
  const legal = 'a count from 1 to 1000000 per 1s to 1h, as in "100/10s"';
  return transformed(legal, (text): Rate | undefined => {
    const [count = "", window = "", ...more] = text.split("/");
    const windowMs = parseDuration(window) ?? 0;
    const isLegal = /^[1-9]\d{0,6}$/.test(count) && Number(count) <= 1_000_000 && more.length === 0;
    return isLegal && windowMs >= 1_000 && windowMs <= 3_600_000
      ? { count: Number(count), windowMs }
      : undefined;
  });
}

const PERIODS = ["hour", "day", "week", "month"] as const;

/** How many bytes may pass in a period of the calendar, in UTC. */
export interface Quota {
  readonly bytes: number;
  readonly period: (typeof PERIODS)[number];
}

/** "1TB/month": a size per hour, day, week or month. */
export function quota() {
  const legal = `1MB to 1000TB per ${PERIODS.join(", ")}, as in "1TB/month"`;
  return transformed(legal, (text): Quota | undefined => {
    const [amount = "", name, ...more] = text.split("/");
    const bytes = parseSize(amount) ?? 0;
    const period = PERIODS.find((known) => known === name);
    return period !== undefined && more.length === 0 && bytes >= 1e6 && bytes <= 1e15
      ? { bytes, period }
      : undefined;
  });
}

/** Text that `read` understands, as what it reads; `legal` says in words what that is. */
export function transformed<T>(legal: string, read: (text: string) => T | undefined) {
  return v.pipe(
    v.string(legal),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: legal });
      return NEVER;
    }),
    v.metadata({ legal }),
  );
}

/** A day, in TOML a date or text; comes out as its first millisecond in UTC, since the epoch. */
export function date() {
  const legal = "a day from 2000-01-01 to 9999-12-31, as in 2027-12-31";
  return v.pipe(
    v.union([v.string(legal), v.date(legal)], legal),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      // A TOML date is a Date that prints as it was written; in JSON it has become that text.
      const text = typeof dataset.value === "string" ? dataset.value : dataset.value.toISOString();
      const time = /^[2-9]\d{3}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
      if (new Date(time || 0).toISOString().startsWith(text)) return time;
      addIssue({ message: legal });
      return NEVER;
    }),
    v.metadata({ legal }),
  );
}

/** `host:port` with a literal address or name; IPv6 in brackets. */
export function listenAddress() {
  const legal = 'an address and a port from 0 to 65535, as in "127.0.0.1:1080" or "[::1]:1080"';
  return checked(legal, (value) => {
    const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value)?.[1];
    return port !== undefined && Number(port) <= 65_535;
  });
}

/** What stands in place of a secret wherever a document is shown; never a legal secret itself. */
export const MASK = "***";

/**
 * What becomes of a secret at the edge: `verifier` is kept as "sha256:HEX", `password` as "scrypt:…", `sealed` as "sealed:…" under the root key,
 * `local` never leaves the machine whose file it stands in.
 */
export type SecretKind = "verifier" | "password" | "sealed" | "local";

const KEPT_FORMS = {
  verifier: { prefix: "sha256:", form: /^sha256:[0-9a-f]{64}$/ },
  sealed: { prefix: "sealed:", form: /^sealed:[A-Za-z0-9_-]{38,20000}$/ },
  // Costs are bounded (1 to 128 MiB of memory): a mistyped one would stop the process at the first login.
  password: { prefix: "scrypt:", form: /^scrypt:1[0-7]:[1-8]:[1-8]:[A-Za-z0-9_-]{22,64}:[A-Za-z0-9_-]{43}$/ },
  local: { prefix: "sha256:", form: undefined },
} as const;

/** Whether `value` names an environment variable: "env:NAME". */
export function isEnvReference(value: string): boolean {
  return /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(value);
}

/** Whether `value` is already in the form the edge keeps for this kind of secret. */
export function isKeptSecret(value: string, kind: SecretKind): boolean {
  return KEPT_FORMS[kind].form?.test(value) ?? false;
}

/**
 * A secret: "env:NAME", which is read from the environment when the file is used, the form the edge keeps, or plain text
 * that passes `isPlain`; `forms` says in words what plain text is legal.
 */
export function secret(kind: SecretKind, isPlain: (value: string) => boolean, forms: string) {
  const legal = `"env:NAME" or ${forms}`;
  return v.pipe(
    v.string(legal),
    v.check((value) => {
      if (isEnvReference(value) || isKeptSecret(value, kind)) return true;
      const reserved =
        value === MASK || value.startsWith("env:") || value.startsWith(KEPT_FORMS[kind].prefix);
      return !reserved && isPlain(value);
    }, legal),
    v.metadata({ legal, secret: kind }),
  );
}
