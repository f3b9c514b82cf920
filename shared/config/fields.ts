// Field types of causeway.toml: each is a valibot schema that carries its legal range as words, for error messages and
// for docs/CONFIG.md. Values come out in base units: milliseconds, bytes. Pure.

import * as v from "valibot";

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

export function oneOf<const T extends readonly string[]>(options: T) {
  const legal = `one of ${options.map((option) => `"${option}"`).join(", ")}`;
  return v.pipe(v.picklist(options, legal), v.metadata({ legal }));
}

/** An absolute http: or https: URL without fragment. */
export function httpUrl() {
  const legal = "an absolute http:// or https:// URL without a fragment";
  return v.pipe(
    v.string(legal),
    v.maxLength(2_048, legal),
    v.check((value) => /^https?:\/\//i.test(value) && URL.canParse(value) && !value.includes("#"), legal),
    v.metadata({ legal }),
  );
}

/** `host:port` with a literal address or name; IPv6 in brackets. */
export function listenAddress() {
  const legal = 'an address and a port from 0 to 65535, as in "127.0.0.1:1080" or "[::1]:1080"';
  return v.pipe(
    v.string(legal),
    v.check((value) => {
      const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value)?.[1];
      return port !== undefined && Number(port) <= 65_535;
    }, legal),
    v.metadata({ legal }),
  );
}

/** A secret: "env:NAME" is read from the environment when the file is used; other forms are listed by the field. */
export function secret(regex: RegExp, forms: string) {
  const legal = `"env:NAME" or ${forms}`;
  return v.pipe(
    v.string(legal),
    v.regex(new RegExp(`^env:[A-Za-z_][A-Za-z0-9_]*$|${regex.source}`), legal),
    v.metadata({ legal, secret: true }),
  );
}
