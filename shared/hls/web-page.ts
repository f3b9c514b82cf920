// Web pages where media was asked for: origins answer with a login or an error page, and status 200. Pure.

/** Bytes looked at: past a byte order mark and blank lines a page begins with a tag. */
const HEAD_BYTES = 256;

const TAG = /^\s*<(?:!doctype\s+html|html|head|body|title|meta|script)[\s>/]/i;

/** Whether a body that begins with these bytes is a web page. No media does: a `<` opens at most XML, such as subtitles. */
export function isWebPage(bytes: Uint8Array): boolean {
  // The decoder takes a byte order mark away.
  return TAG.test(new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES)));
}

/** Whether a Content-Type names a web page; some origins say so of media, too. */
export function isWebPageType(header: string | null): boolean {
  const essence = header?.split(";", 1)[0]?.trim().toLowerCase();
  return essence === "text/html" || essence === "application/xhtml+xml";
}
