// Field types that several parts of the schema share: names, tokens, host patterns, header fields. Pure.

import { checked, pattern, secret } from "./fields.ts";

export const NAME = pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "1 to 63 letters, digits, - or _");

export const TOKEN_FORMS = "16 to 512 printable ASCII characters without spaces";
export const TOKEN = secret("verifier", isToken, TOKEN_FORMS);

export const HOST_PATTERN = checked(
  'a host name without port, as in "app.example.com" or "*.example.com"',
  isHostPattern,
);

export const HEADER_NAME = pattern(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "a header name");

/** User names of HTTP Basic (RFC 7617: no colon) and of SOCKS5 (RFC 1929: at most 255 bytes). */
export const USER_NAME = pattern(
  /^[!-9;-~]{1,255}$/,
  "1 to 255 printable ASCII characters without colon or space",
);

/** Whether some URL has this name as its host; one that none can have would never match. Letters of other scripts are for IDNA. */
function isHostPattern(value: string): boolean {
  const name = value.replace(/^\*\./, "").replace(/\.$/, "");
  if (!/^[^\s*/:?#@[\]\\%]{1,253}$/.test(name)) return false;
  const host = URL.parse(`http://${name}/`)?.hostname ?? "";
  return host.length <= 253 && host.split(".").every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}

/** As RFC 7617 has it: any characters but control ones. */
export function isPassword(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /^[^\u0000-\u001f\u007f]{1,128}$/.test(value);
}

export function isToken(value: string): boolean {
  return /^[!-~]{16,512}$/.test(value);
}

/** Text that can stand in a header: no control characters but the tab. */
export function isHeaderValue(value: string): boolean {
  return /^[\t -~\u0080-\uffff]{0,4000}$/.test(value);
}
