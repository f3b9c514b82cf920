// Which tags carry URIs, what each URI is, and which kind of playlist a tag belongs to. A table; pure.

/** JSON documents whose URIs are rewritten, too. */
export type DocumentKind = "assets" | "steering";

/**
 * What a URI leads to; it decides how the reply is handled and which extension a nameless child gets. A "report" is the
 * playlist of a sibling, a "data" document belongs to the application and is passed on as it is.
 */
export type ChildKind = "playlist" | "report" | "segment" | "map" | "key" | "data" | DocumentKind;

export interface UriAttribute {
  readonly name: string;
  readonly kind: ChildKind;
  /** True where the format demands an absolute URL. */
  readonly absolute?: boolean;
}

const uri = (kind: ChildKind): readonly UriAttribute[] => [{ name: "URI", kind }];

export type PlaylistKind = "master" | "media";

export interface Tag {
  /** Present on tags that stand in one kind of playlist only (RFC 8216 section 4.3); the first of them decides. */
  readonly in?: PlaylistKind;
  /** Attributes that are URIs. */
  readonly uris?: readonly UriAttribute[];
}

/** What is known of tags; of all others nothing needs to be. */
export const TAGS: ReadonlyMap<string, Tag> = new Map<string, Tag>([
  ["#EXTINF", { in: "media" }],
  ["#EXT-X-TARGETDURATION", { in: "media" }],
  ["#EXT-X-MEDIA-SEQUENCE", { in: "media" }],
  ["#EXT-X-PLAYLIST-TYPE", { in: "media" }],
  ["#EXT-X-ENDLIST", { in: "media" }],
  ["#EXT-X-PART-INF", { in: "media" }],
  ["#EXT-X-PART", { in: "media", uris: uri("segment") }],
  ["#EXT-X-PRELOAD-HINT", { in: "media", uris: uri("segment") }],
  ["#EXT-X-RENDITION-REPORT", { in: "media", uris: uri("report") }],
  ["#EXT-X-MAP", { in: "media", uris: uri("map") }],
  ["#EXT-X-KEY", { in: "media", uris: uri("key") }],
  ["#EXT-X-STREAM-INF", { in: "master" }],
  ["#EXT-X-I-FRAME-STREAM-INF", { in: "master", uris: uri("playlist") }],
  ["#EXT-X-IMAGE-STREAM-INF", { in: "master", uris: uri("playlist") }],
  ["#EXT-X-MEDIA", { in: "master", uris: uri("playlist") }],
  ["#EXT-X-SESSION-DATA", { in: "master", uris: uri("data") }],
  ["#EXT-X-SESSION-KEY", { in: "master", uris: uri("key") }],
  ["#EXT-X-CONTENT-STEERING", { in: "master", uris: [{ name: "SERVER-URI", kind: "steering" }] }],
  [
    "#EXT-X-DATERANGE",
    {
      uris: [
        { name: "X-ASSET-URI", kind: "playlist", absolute: true },
        { name: "X-ASSET-LIST", kind: "assets", absolute: true },
      ],
    },
  ],
  ["#EXT-X-SERVER-CONTROL", {}],
  ["#EXT-X-DEFINE", {}],
  ["#EXT-X-PREFETCH", {}],
]);
