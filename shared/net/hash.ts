// Short hashes of texts for spreading and naming, quick and without a secret: never for anything that somebody may forge.
// Pure.

const FNV_OFFSET = 0x811c9dc5;

/** 32 bits: FNV-1a with a final mix, because neighbouring addresses differ in their last characters only. */
export function hash32(text: string, seed: number = FNV_OFFSET): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** 64 bits as 16 hex digits: a name for a text among thousands. */
export function shortName(text: string): string {
  const high = hash32(text);
  return hex(high) + hex(hash32(text, high ^ text.length));
}

function hex(bits: number): string {
  return bits.toString(16).padStart(8, "0");
}
