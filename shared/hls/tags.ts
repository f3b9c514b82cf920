// Which tags carry URIs, what each URI is, and which kind of playlist a tag belongs to. A table; pure.

/** What a URI leads to; it decides how the reply is handled and which extension a nameless child gets. */
export type ChildKind = "playlist" | "segment" | "map" | "key" | "data";

export interface UriAttribute {
  readonly name: string;
  readonly kind: ChildKind;
  /** True where the format demands an absolute URL. */
  readonly absolute?: boolean;
}

const uri = (kind: ChildKind): readonly UriAttribute[] => [{ name: "URI", kind }];

/** URI attributes by tag name. */
export const URI_TAGS: ReadonlyMap<string, readonly UriAttribute[]> = new Map([
  ["#EXT-X-KEY", uri("key")],
  ["#EXT-X-SESSION-KEY", uri("key")],
  ["#EXT-X-MAP", uri("map")],
  ["#EXT-X-MEDIA", uri("playlist")],
  ["#EXT-X-I-FRAME-STREAM-INF", uri("playlist")],
  ["#EXT-X-IMAGE-STREAM-INF", uri("playlist")],
  ["#EXT-X-SESSION-DATA", uri("data")],
  ["#EXT-X-PART", uri("segment")],
  ["#EXT-X-PRELOAD-HINT", uri("segment")],
  ["#EXT-X-RENDITION-REPORT", uri("playlist")],
  ["#EXT-X-CONTENT-STEERING", [{ name: "SERVER-URI", kind: "data" }]],
  [
    "#EXT-X-DATERANGE",
    [
      { name: "X-ASSET-URI", kind: "playlist", absolute: true },
      { name: "X-ASSET-LIST", kind: "data", absolute: true },
    ],
  ],
]);

/** Tags whose whole value is a segment's URI (a low-latency dialect older than EXT-X-PART). */
export const URI_VALUE_TAGS: ReadonlySet<string> = new Set(["#EXT-X-PREFETCH"]);

export type PlaylistKind = "master" | "media";

/** Tags that stand in one kind of playlist only (RFC 8216 section 4.3); the first of them decides. */
export const KIND_TAGS: ReadonlyMap<string, PlaylistKind> = new Map([
  ["#EXT-X-STREAM-INF", "master"],
  ["#EXT-X-I-FRAME-STREAM-INF", "master"],
  ["#EXT-X-IMAGE-STREAM-INF", "master"],
  ["#EXT-X-MEDIA", "master"],
  ["#EXT-X-SESSION-DATA", "master"],
  ["#EXT-X-SESSION-KEY", "master"],
  ["#EXT-X-CONTENT-STEERING", "master"],
  ["#EXTINF", "media"],
  ["#EXT-X-TARGETDURATION", "media"],
  ["#EXT-X-MEDIA-SEQUENCE", "media"],
  ["#EXT-X-PLAYLIST-TYPE", "media"],
  ["#EXT-X-ENDLIST", "media"],
  ["#EXT-X-PART", "media"],
  ["#EXT-X-PART-INF", "media"],
  ["#EXT-X-MAP", "media"],
  ["#EXT-X-KEY", "media"],
]);
