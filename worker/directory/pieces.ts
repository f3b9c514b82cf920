// Text that passes everywhere: JSON in ASCII only, cut into pieces. Arguments of calls to the directory travel in a request
// header (itty-durable), which takes neither other characters nor any length. Pure.

/** JSON in which every character beyond printable ASCII is escaped. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Cuts ASCII text into pieces of at most `size` characters; an empty text is one empty piece. */
export function cut(text: string, size: number): string[] {
  const count = Math.max(1, Math.ceil(text.length / size));
  return Array.from({ length: count }, (_, n) => text.slice(n * size, (n + 1) * size));
}
