// Header fields of a proxied message as Node lists them, names and values in turn: order, case and repetitions stay. Pure.

/** Fields of one connection, whether or not Connection lists them. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
] as const;

/** The fields without those of this hop (RFC 9110 section 7.6.1), without `drop`, and with this proxy added to Via. */
export function forwardedFields(raw: readonly string[], drop: readonly string[]): string[] {
  const hop = new Set<string>([...HOP_BY_HOP, ...drop]);
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== "connection") continue;
    for (const listed of value.split(",")) hop.add(listed.trim().toLowerCase());
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
