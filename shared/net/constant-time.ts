// Comparison of secrets in time that does not depend on where they differ. Pure: no I/O.

const encoder = new TextEncoder();

/**
 * True when both are equal. Texts compare by their UTF-8 bytes. The time taken depends on the lengths only, so what an
 * attacker may learn is a secret's length, never a matching prefix; compare digests where the length matters too.
 */
export function timingSafeEqual(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const left = typeof a === "string" ? encoder.encode(a) : a;
  const right = typeof b === "string" ? encoder.encode(b) : b;
  if (left.byteLength !== right.byteLength) return false;
  let difference = 0;
  for (let i = 0; i < left.byteLength; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
  return difference === 0;
}
