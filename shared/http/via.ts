// The Via field (RFC 9110 §7.6.3): every proxy adds itself, so a request that goes in circles can be told. Pure.

/** What this proxy adds: the protocol's version and a pseudonym, never a host name. */
export const VIA_ENTRY = "1.1 causeway";

/** Via with this proxy at its end. */
export function withVia(existing: string | null): string {
  return existing === null || existing === "" ? VIA_ENTRY : `${existing}, ${VIA_ENTRY}`;
}

/** How often a request has passed this proxy (or another one of its kind) before, by its Via. */
export function passesIn(via: string): number {
  let passes = 0;
  for (const entry of via.split(",")) if (/^\s*(?:HTTP\/)?[0-9.]+\s+causeway\s*$/i.test(entry)) passes++;
  return passes;
}
