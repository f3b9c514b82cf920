// What a client presents in Authorization: HTTP Basic (RFC 7617) or Bearer (RFC 6750). Reads, never judges.

import { SIGN_IN_LIMITS } from "../../shared/limits.ts";

export type Credentials =
  | { readonly scheme: "basic"; readonly user: string; readonly password: string }
  | { readonly scheme: "bearer"; readonly token: string };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined for any other scheme, and for what cannot be read. Never throws. */
export function readCredentials(header: string): Credentials | undefined {
  if (header.length > SIGN_IN_LIMITS.HEADER_CHARS_MAX) return undefined;
  const [, scheme = "", value = ""] = /^([A-Za-z]+) +([!-~]+) *$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case "basic":
      return basic(value);
    case "bearer":
      return { scheme: "bearer", token: value };
    default:
      return undefined;
  }
}

function basic(value: string): Credentials | undefined {
  try {
    const text = decoder.decode(Uint8Array.from(atob(value), (char) => char.charCodeAt(0)));
    const colon = text.indexOf(":");
    if (colon < 0) return undefined;
    return { scheme: "basic", user: text.slice(0, colon), password: text.slice(colon + 1) };
  } catch {
    // Neither base64 nor UTF-8: nobody's password.
    return undefined;
  }
}
