// What a request asks for. The runtime's URL parser is right about every spelling, but costs an object of its own and a call
// for each part that is read, some 5 us of 160 per request (measured). Nearly all requests are spelled as the parser would
// spell them anyway: those are taken apart here, and all others by the parser.

/** The parts of a URL (WHATWG URL standard) that requests are decided by. */
export interface RequestUrl {
  readonly href: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Scheme with its colon. */
  readonly protocol: string;
  /** With the port, where that is not the scheme's own. */
  readonly host: string;
  readonly hostname: string;
  readonly pathname: string;
  /** With its question mark; "" for none and for an empty one. */
  readonly search: string;
  readonly searchParams: URLSearchParams;
}

/**
 * Spellings that the parser leaves as they are: no letter that it folds or escapes, no dot segment under any spelling, a host
 * that is no address and not in Punycode, a port other than the schemes' own.
 */
const PLAIN = new RegExp(
  [
    /^(https?:)/,
    /\/\/((?:(?!xn--)[a-z\d-]+\.)*(?!xn--)[a-z][a-z\d-]*)/,
    /(:(?!(?:80|443)\/)(?:[1-9]\d{1,3}|[1-5]\d{4}))?/,
    /((?:\/(?!(?:\.|%2[eE]){1,2}(?:[/?]|$))[\w\-.~!$&'()*+,;=:@%]*)+)/,
    /(\?[\w\-.~!$&()*+,;=:@%/?]*)?$/,
  ]
    .map(({ source }) => source)
    .join(""),
);

class PlainUrl implements RequestUrl {
  readonly href: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly pathname: string;
  readonly search: string;

  constructor([href, protocol = "", hostname = "", port = "", pathname = "", search = ""]: RegExpExecArray) {
    this.href = href;
    this.protocol = protocol;
    this.hostname = hostname;
    this.host = hostname + port;
    this.pathname = pathname;
    this.search = search === "?" ? "" : search;
  }

  get origin(): string {
    return `${this.protocol}//${this.host}`;
  }

  get searchParams(): URLSearchParams {
    return new URLSearchParams(this.search);
  }
}

/**
 * The parts of `text`, an absolute URL; null where it is none. The dot of a fully qualified host goes, so that it is routed and
 * authorised like the same host without.
 */
export function parseRequestUrl(text: string): RequestUrl | null {
  const plain = PLAIN.exec(text);
  if (plain) return new PlainUrl(plain);
  const url = URL.parse(text);
  if (url?.hostname.endsWith(".")) url.hostname = url.hostname.replace(/\.+$/, "");
  return url;
}
