// Header fields of a proxied message as Node lists them, names and values in turn: order, case and repetitions stay. Pure.

import type { IncomingMessage } from "node:http";
import { HOP_BY_HOP, listedFields } from "../../shared/http/headers.ts";

/** What `endToEndFields` keeps, with this proxy added to Via. */
export function forwardedFields(raw: readonly string[], drop: readonly string[]): string[] {
  return [...endToEndFields(raw, drop), "Via", "1.1 causeway"];
}

/** The fields without those of this hop (RFC 9110 section 7.6.1) and without `drop`, names in lower case. */
export function endToEndFields(raw: readonly string[], drop: readonly string[]): string[] {
  const hop = new Set([...HOP_BY_HOP, ...drop]);
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== "connection") continue;
    for (const listed of listedFields(value)) hop.add(listed.toLowerCase());
  }
  // Framing is this hop's own business, but the length must survive: it tells a whole body from a broken one.
  hop.delete("content-length");
  const kept: string[] = [];
  for (const [name, value] of pairs(raw)) if (!hop.has(name.toLowerCase())) kept.push(name, value);
  return kept;
}

/** Bytes of a head as it goes on, without what only the next hop is told; `line` is its first one. */
export function headBytes(line: string, fields: readonly string[]): number {
  const text = fields.reduce((sum, part) => sum + part.length, 0);
  // ": " and CRLF for each field, and an empty line after the last one.
  return line.length + 2 + text + (fields.length / 2) * 4 + 2;
}

/** Methods whose way Max-Forwards limits (RFC 9110 section 7.6.2). */
const COUNTED_METHODS: readonly string[] = ["OPTIONS", "TRACE"];

type Counted = Pick<IncomingMessage, "method" | "headers" | "rawHeaders">;

/** Whether a request is for this proxy itself: it may go no further. */
export function endsHere(req: Counted): boolean {
  return forwardsLeft(req) === 0;
}

/** The fields with one forward less, where they are counted. */
export function lessForwards(req: Counted): readonly string[] {
  const left = forwardsLeft(req);
  if (left === undefined) return req.rawHeaders;
  return [...endToEndFields(req.rawHeaders, ["max-forwards"]), "Max-Forwards", String(left - 1)];
}

function forwardsLeft({ method = "", headers }: Counted): number | undefined {
  const value = headers["max-forwards"];
  return COUNTED_METHODS.includes(method) && typeof value === "string" && /^\d{1,9}$/.test(value)
    ? Number(value)
    : undefined;
}

function* pairs(raw: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? "", raw[index + 1] ?? ""];
}
