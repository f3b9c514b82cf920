// Bytes of a text on the wire. Pure.

/** The length of `text` in UTF-8, without encoding it; a lone surrogate counts as U+FFFD, as it is sent. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else bytes += 2;
    // A pair is four bytes: two beyond its two units.
    if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return bytes;
}
