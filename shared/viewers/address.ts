// Where tokens stand in addresses: /proxy/ch_X/t.TOKEN/… and /v.SECRET/playlist.m3u. Takes them off, and hides them in
// whatever is shown or kept. Pure.

/** An undecoded path behind /proxy/ch_X/, with the token taken off. */
export interface TokenPath {
  readonly token: string;
  readonly rest: string;
}

/** undefined when the path does not begin with a token. */
export function splitToken(rest: string): TokenPath | undefined {
  if (!rest.startsWith("t.")) return undefined;
  const slash = rest.indexOf("/");
  return slash < 0 ? undefined : { token: rest.slice("t.".length, slash), rest: rest.slice(slash + 1) };
}

const VIEWER_PATH = /^\/v\.([A-Za-z0-9_-]{16,200})\/(playlist\.m3u|epg\.xml)$/;

/** A subscriber's own address: the secret in it, and what it asks for. */
export interface ViewerPath {
  readonly secret: string;
  readonly name: "playlist.m3u" | "epg.xml";
}

export function parseViewerPath(pathname: string): ViewerPath | undefined {
  const [, secret, name] = VIEWER_PATH.exec(pathname) ?? [];
  return secret !== undefined && (name === "playlist.m3u" || name === "epg.xml")
    ? { secret, name }
    : undefined;
}

/** The path as it may be logged and shown: tokens of channels and of subscribers are "***". */
export function maskPath(pathname: string): string {
  return pathname
    .replace(/^(\/proxy\/[^/]*\/t\.)[^/]*/, "$1***")
    .replace(/^(\/v\.)[^/]*(?=\/(?:playlist\.m3u|epg\.xml)$)/, "$1***");
}
