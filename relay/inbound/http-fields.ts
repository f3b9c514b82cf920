// Header fields of a proxied message as Node lists them, names and values in turn: order, case and repetitions stay. Pure.

import { HOP_BY_HOP, listedFields } from "../../shared/http/headers.ts";

/** The fields without those of this hop (RFC 9110 section 7.6.1), without `drop`, and with this proxy added to Via. */
export function forwardedFields(raw: readonly string[], drop: readonly string[]): string[] {
  const hop = new Set([...HOP_BY_HOP, ...drop]);
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== "connection") continue;
    for (const listed of listedFields(value)) hop.add(listed.toLowerCase());
  }
  // Framing is this hop's own business, but the length must survive: it tells a whole body from a broken one.
  hop.delete("content-length");
  const kept: string[] = [];
  for (const [name, value] of pairs(raw)) if (!hop.has(name.toLowerCase())) kept.push(name, value);
  kept.push("Via", "1.1 causeway");
  return kept;
}

function* pairs(raw: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? "", raw[index + 1] ?? ""];
}
