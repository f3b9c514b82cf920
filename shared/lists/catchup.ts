// Catch-up: the origin's address of a past programme, made from the templates that players know (as pvr.iptvsimple of Kodi
// documents them). Viewers never see a template, only an address of ours with the times; it is filled in here. Pure.

import { LIST_LIMITS } from "../limits.ts";

/** How lists name the ways; `flussonic` and `fs`, `xc` and `xtream` are one each. */
export const CATCHUP_MODES = ["default", "append", "shift", "flussonic", "xc"] as const;

export type CatchupMode = (typeof CATCHUP_MODES)[number];

const ALIASES: Readonly<Record<string, CatchupMode>> = {
  default: "default",
  append: "append",
  shift: "shift",
  timeshift: "shift",
  flussonic: "flussonic",
  "flussonic-hls": "flussonic",
  "flussonic-ts": "flussonic",
  fs: "flussonic",
  xc: "xc",
  xtream: "xc",
};

/** The mode that a list's `catchup` or `catchup-type` attribute names; undefined for none that is known. */
export function catchupMode(text: string): CatchupMode | undefined {
  return ALIASES[text.trim().toLowerCase()];
}

export function isCatchupSource(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /^[^\s\u0000-\u001f\u007f]{1,2000}$/.test(text);
}

/** The programme that a viewer asks for, in seconds since the epoch. */
export interface CatchupTimes {
  readonly start: number;
  readonly duration: number;
  readonly now: number;
}

/**
 * The times of a query as the address in our list asks for them: `utc`, and where players fill them in `duration` and
 * `lutc`. Undefined for anything that is no time in the past.
 */
export function catchupTimes(query: URLSearchParams, nowS: number): CatchupTimes | undefined {
  const start = wholeSeconds(query.get("utc"));
  if (start === undefined || start > nowS) return undefined;
  const asked = wholeSeconds(query.get("duration")) || nowS - start;
  const duration = Math.max(1, Math.min(asked, LIST_LIMITS.CATCHUP_DURATION_S_MAX));
  return { start, duration, now: nowS };
}

function wholeSeconds(text: string | null): number | undefined {
  return text !== null && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}

/** Where a channel's past programmes are, as far as it is known; `stream` is the URL of its source. */
export interface CatchupOrigin {
  readonly mode: CatchupMode;
  readonly source: string;
  readonly stream: string;
}

/** The origin's address of the programme; undefined where the channel's settings make none. */
export function catchupUrl(origin: CatchupOrigin, times: CatchupTimes): string | undefined {
  const template = templateOf(origin);
  const filled = template === undefined ? undefined : fill(template, times);
  const url = filled === undefined ? null : URL.parse(filled);
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : undefined;
}

function templateOf({ mode, source, stream }: CatchupOrigin): string | undefined {
  if (mode === "default") return source === "" ? undefined : absolute(source, stream);
  if (mode === "append") return source === "" ? undefined : appended(stream, source);
  if (mode === "shift") return appended(stream, source === "" ? "?utc={utc}&lutc={lutc}" : source);
  if (source !== "" && !source.startsWith("?") && !source.startsWith("&")) return absolute(source, stream);
  return mode === "flussonic" ? flussonic(stream) : xtream(stream);
}

/** A template may stand relative to its stream; it cannot be parsed as a URL, for its braces would be escaped. */
function absolute(source: string, stream: string): string | undefined {
  if (/^https?:\/\//i.test(source)) return source;
  const url = URL.parse(stream);
  if (url === null) return undefined;
  const origin = stream.slice(0, stream.indexOf("/", stream.indexOf("//") + 2) + 1 || undefined);
  if (source.startsWith("/")) return origin.replace(/\/$/, "") + source;
  const path = stream.split("?", 1)[0] ?? "";
  return path.slice(0, path.lastIndexOf("/") + 1) + source;
}

/** A query is joined to the stream's; anything else follows its text. */
function appended(stream: string, source: string): string {
  const isQuery = source.startsWith("?") || source.startsWith("&");
  if (!isQuery) return stream + source;
  return `${stream}${stream.includes("?") ? "&" : "?"}${source.slice(1)}`;
}

/** Flussonic: /NAME/index.m3u8 has /NAME/timeshift_rel-OFFSET.m3u8, raw streams /NAME/timeshift_abs-UTC.ts. */
function flussonic(stream: string): string | undefined {
  const match = /^(https?:\/\/[^/]+\/[^?]+)\/([^/?]*)(\?.*)?$/i.exec(stream);
  if (match?.[1] === undefined) return undefined;
  const [, base, file = "", query = ""] = match;
  const list = /^(.*)\.m3u8$/i.exec(file)?.[1];
  if (list === undefined) return `${base}/timeshift_abs-{utc}.ts${query}`;
  return `${base}/${list === "index" ? "archive" : list}-{utc}-{duration}.m3u8${query}`;
}

/** Xtream: /live/USER/PASSWORD/ID.EXT has /timeshift/USER/PASSWORD/MINUTES/DATE/ID.EXT. */
function xtream(stream: string): string | undefined {
  const match = /^(https?:\/\/[^/]+)\/(?:live\/)?([^/?]+)\/([^/?]+)\/(\d+)(\.[a-z0-9]+)?(\?.*)?$/i.exec(
    stream,
  );
  if (match === null) return undefined;
  const [, host, user, password, id, extension = ".ts"] = match;
  return `${host}/timeshift/${user}/${password}/{duration:60}/{Y}-{m}-{d}:{H}-{M}/${id}${extension}`;
}

/** `{name}`, `${name}`, with a divisor or a format behind a colon. What is no placeholder stays. */
function fill(template: string, times: CatchupTimes): string {
  return template.replaceAll(
    /\$?\{([A-Za-z]{1,10})(?::([^{}]{1,40}))?\}/g,
    (whole, name: string, more?: string) => placeholder(name, more, times) ?? whole,
  );
}

function placeholder(name: string, more: string | undefined, times: CatchupTimes): string | undefined {
  const { start, duration, now } = times;
  const dateParts = partsOf(start);
  if (Object.hasOwn(dateParts, name)) return dateParts[name];
  const seconds: Readonly<Record<string, number>> = {
    utc: start,
    start,
    utcend: start + duration,
    end: start + duration,
    lutc: now,
    now,
    timestamp: now,
    duration,
    offset: now - start,
  };
  const value = Object.hasOwn(seconds, name) ? seconds[name] : undefined;
  if (value === undefined || more === undefined) return value === undefined ? undefined : String(value);
  if (/^\d{1,6}$/.test(more)) return String(Math.floor(value / Math.max(1, Number(more))));
  // {utc:Y-m-d}: a format of the letters that also stand alone.
  const parts = partsOf(value);
  return more.replaceAll(/[YmdHMS]/g, (letter) => parts[letter] ?? letter);
}

/** In UTC: nothing in a list tells its provider's time zone. */
function partsOf(seconds: number): Readonly<Record<string, string>> {
  const [Y = "", m = "", d = "", H = "", M = "", S = ""] = new Date(seconds * 1_000)
    .toISOString()
    .split(/[-T:.]/);
  return { Y, m, d, H, M, S };
}
