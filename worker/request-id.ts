// Request ids: unique and cheap, not secret. One is made for every request, so no randomness is drawn per request.

let prefix = "";
let counter = 0;

/** The next id: 12 random hex digits of this isolate, then a running number. */
export function nextRequestId(): string {
  // Random values may not be drawn in global scope, only while a request is handled.
  if (prefix === "") prefix = randomHex(6);
  return `${prefix}-${(++counter).toString(16)}`;
}

function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
