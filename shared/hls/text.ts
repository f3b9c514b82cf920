// Playlists between bytes and text without losing a byte: UTF-8 where it is valid, else one character per byte, since
// titles in older encodings are common and must come out as they went in. Pure.

export interface PlaylistText {
  readonly text: string;
  readonly encoding: "utf-8" | "bytes";
}

/** Characters per String.fromCharCode call: more overflow the stack. */
const CHUNK_CHARS = 8_192;

export function decodePlaylist(bytes: Uint8Array): PlaylistText {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, encoding: "utf-8" };
  } catch {
    const parts: string[] = [];
    for (let i = 0; i < bytes.length; i += CHUNK_CHARS) {
      parts.push(String.fromCharCode(...bytes.subarray(i, i + CHUNK_CHARS)));
    }
    return { text: parts.join(""), encoding: "bytes" };
  }
}

/** The text with LF for each CR that stands alone: players end lines there, and an address behind one would pass unseen. */
export function withLineFeeds(text: string): string {
  return /\r(?!\n)/.test(text) ? text.replaceAll(/\r(?!\n)/g, "\n") : text;
}

/** The bytes of a text that decodePlaylist made, with ASCII replacements put in. */
export function encodePlaylist(text: string, encoding: PlaylistText["encoding"]): Uint8Array {
  if (encoding === "utf-8") return new TextEncoder().encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A URI in `encoding` as an ASCII-safe one: bytes that are no UTF-8 are percent-encoded one by one. */
export function portableUri(uri: string, encoding: PlaylistText["encoding"]): string {
  if (encoding === "utf-8") return uri;
  return uri.replace(/[\u0080-\u00ff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
