// Resolves a playlist's URIs against its URL into directory, file name and query. The URL constructor is what makes
// rewriting slow, so it runs once per directory and otherwise only for URIs that it would change. Pure.

/** Where a child lies at its origin. */
export interface ChildLocation {
  /** Absolute URL up to and including the last slash of the path. */
  readonly directory: string;
  /** Last segment of the path, percent-encoded; may be empty. */
  readonly name: string;
  /** Without "?"; undefined when the URI has none. */
  readonly query: string | undefined;
  /** With "#", or "". */
  readonly fragment: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
/** File names that the URL parser takes over as they are. */
const PLAIN_NAME = /^[A-Za-z0-9_~!$&'()*+,;=:@%.-]+$/;
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;
const PLAIN_QUERY = /^[!$%&()*+,\-./0-9:;=?@A-Za-z_~[\]\\^`{|}]*$/;

/** Up to and including the last slash of an absolute URL's path, without query and fragment. */
export function directoryOf(url: string): string {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  return path.slice(0, path.lastIndexOf("/") + 1);
}

export class ChildResolver {
  readonly #base: string;
  readonly #directories = new Map<string, string | undefined>();

  /** `base`: the playlist's own URL after redirects. */
  constructor(base: string) {
    this.#base = base;
  }

  /** Undefined for URIs that are not http(s), such as skd: and data:, and for those that are no URLs at all. */
  resolve(uri: string): ChildLocation | undefined {
    const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase();
    if (scheme !== undefined && scheme !== "http" && scheme !== "https") return undefined;
    return this.#resolvePlain(uri) ?? this.#resolveFully(uri);
  }

  #resolvePlain(uri: string): ChildLocation | undefined {
    const mark = uri.indexOf("?");
    const path = mark < 0 ? uri : uri.slice(0, mark);
    const query = mark < 0 || mark === uri.length - 1 ? undefined : uri.slice(mark + 1);
    if (query !== undefined && !PLAIN_QUERY.test(query)) return undefined;
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    const head = path.slice(0, slash + 1);
    if (!PLAIN_NAME.test(name) || DOT_SEGMENT.test(name) || head.endsWith("//") || head.includes("#"))
      return undefined;
    if (head === "" && name.includes(":")) return undefined;
    const directory = this.directory(head);
    return directory === undefined ? undefined : { directory, name, query, fragment: "" };
  }

  /** The directory for what stands before a file's name: "", or something that ends with one slash. */
  directory(head: string): string | undefined {
    const known = this.#directories.get(head);
    if (known !== undefined || this.#directories.has(head)) return known;
    const href = URL.parse(head === "" ? "." : head, this.#base)?.href;
    const directory = href !== undefined && /^https?:.*\/$/.test(href) ? href : undefined;
    this.#directories.set(head, directory);
    return directory;
  }

  #resolveFully(uri: string): ChildLocation | undefined {
    const url = URL.parse(uri, this.#base);
    if (url?.protocol !== "http:" && url?.protocol !== "https:") return undefined;
    const directory = directoryOf(url.href);
    const end = url.href.search(/[?#]/);
    const name = url.href.slice(directory.length, end < 0 ? undefined : end);
    const query = url.search === "" ? undefined : url.search.slice(1);
    return { directory, name, query, fragment: url.hash };
  }
}
