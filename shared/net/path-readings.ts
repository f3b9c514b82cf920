// How else an origin might read a URL's path. Origins differ in decoding "%2F", in "\", in "//" and in ";"; whoever
// decides by path asks for these readings too, or a spelling leads around the decision. Pure.

const NONE: readonly string[] = [];

/** RFC 3986 §6.2.2.2: "%41" is the letter A for everybody. Other escapes stay. */
function decodeUnreserved(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : triplet;
  });
}

/** Decodes every escape of an ASCII character; what is left cannot change where a segment begins or ends. */
function decodeAscii(path: string): string {
  return path.replace(/%[0-7][0-9A-Fa-f]/g, (triplet) =>
    String.fromCharCode(Number.parseInt(triplet.slice(1), 16)),
  );
}

/** "/a//b/./../c" as "/a/c": empty and dot segments resolved. */
function resolveSegments(path: string): string {
  const segments: string[] = [];
  const parts = path.replaceAll("\\", "/").split("/");
  const last = parts.at(-1);
  for (const part of parts) {
    if (part === "..") segments.pop();
    else if (part !== "" && part !== ".") segments.push(part);
  }
  const directory = last === "" || last === "." || last === "..";
  return `/${segments.join("/")}${directory && segments.length > 0 ? "/" : ""}`;
}

/** Servlet containers cut path parameters off before they resolve dot segments: "/a/..;x/b" is "/b" to them. */
function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, "");
}

/**
 * True where some origin may take `pathname` for one above its root: put behind a prefix it would lead out of that. Escapes
 * and parameters only: plain dot segments are gone from a parsed URL.
 */
export function leadsOut(pathname: string): boolean {
  if (!/[%;]/.test(pathname)) return false;
  const decoded = decodeAscii(pathname);
  const twice = decodeAscii(decoded);
  return [decoded, twice, withoutParameters(pathname), withoutParameters(twice)].some(climbs);
}

function climbs(path: string): boolean {
  let depth = 0;
  for (const part of path.split(/[/\\]/)) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** Every other path that some origin may take `pathname` for; empty for ordinary paths. */
export function pathReadings(pathname: string): readonly string[] {
  if (!/%|;|\/\//.test(pathname)) return NONE;
  const decoded = decodeAscii(pathname);
  const twice = decodeAscii(decoded);
  return [
    decodeUnreserved(pathname),
    decoded,
    resolveSegments(decoded),
    resolveSegments(twice),
    resolveSegments(withoutParameters(pathname)),
    resolveSegments(withoutParameters(twice)),
  ];
}
