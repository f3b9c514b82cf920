// Rewrites a playlist the way the Worker does, with readable addresses instead of sealed ones.

import { staysRelative, tailOf } from "../../../shared/hls/address.ts";
import { ChildResolver } from "../../../shared/hls/resolve.ts";
import { replaceSpans } from "../../../shared/hls/rewrite.ts";
import { scanPlaylist, type UriSpan } from "../../../shared/hls/scan.ts";
import { type PlaylistText, portableUri } from "../../../shared/hls/text.ts";
import type { VariableSources } from "../../../shared/hls/variables.ts";

export interface RewriteOptions {
  readonly url: string;
  readonly sources?: VariableSources;
  readonly encoding?: PlaylistText["encoding"];
}

/** Children that do not stay come out as `b[DIRECTORY]/TAIL?QUERY`, with a leading "ABS:" where absolute is demanded. */
export function rewritePlaylist(text: string, options: RewriteOptions): string {
  const playlist = scanPlaylist(text, options.sources);
  const resolver = new ChildResolver(options.url);
  const child = (span: UriSpan): string | undefined => {
    const uri = portableUri(span.uri, options.encoding ?? "utf-8");
    const unchanged = span.substituted ? uri : undefined;
    if (!span.absolute && staysRelative(uri, span.kind)) return unchanged;
    const location = resolver.resolve(uri);
    if (!location) return unchanged;
    const tail = tailOf(location.name, span.kind, playlist.fragmented);
    const query = location.query === undefined ? "" : `?${location.query}`;
    return `${span.absolute ? "ABS:" : ""}b[${location.directory}]/${tail}${query}${location.fragment}`;
  };
  const replacements = playlist.spans.map((span) =>
    span.type === "uri" ? child(span) : `NAME="${span.name}",VALUE=""`,
  );
  return replaceSpans(text, playlist.spans, replacements);
}
