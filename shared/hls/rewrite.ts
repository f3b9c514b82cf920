// A playlist with its children's addresses under the channel: replacements go into its spans, every byte outside them
// stays. Pure.

import { headStays, isPlaylistKind } from "./address.ts";
import type { Children, Variables } from "./children.ts";
import type { OrdinarySegments } from "./ordinary.ts";
import { listOffers, type Rendition } from "./renditions.ts";
import type { Playlist, QueryParamSpan, Span, UriSpan, ValueSpan } from "./scan.ts";

export interface RewriteOptions {
  readonly playlist: Playlist;
  /** Relative children may stay, and playlists among them; as in Scope. */
  readonly mirrored: boolean;
  readonly bound: boolean;
  readonly hideQuery: boolean;
  /** Variables of the playlist that named this one: its siblings may import them, too. */
  readonly imported: Variables;
  /** The variants may be taken from another source. */
  readonly offers: boolean;
}

/** A part of the text and what stands there instead. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const NONE: Variables = new Map();
/** Heads sealed at a time. */
const TOGETHER = 32;

/** The text with its children's addresses; itself when all of them may stay. */
export async function rewritePlaylist(
  text: string,
  children: Children,
  options: RewriteOptions,
): Promise<string> {
  const { playlist, mirrored } = options;
  const { ordinary } = playlist;
  if (staysWhole(options)) return text;
  const edits = await spanEdits(text, children, options);
  if (mirrored && ordinary.stay) return applyEdits(text, edits);
  const heads = await headAddresses(ordinary.heads, children, mirrored);
  return applyAll(text, edits, ordinary, heads);
}

/** Whether all children may stay as they are. */
export function staysWhole({
  playlist,
  mirrored,
  bound,
}: Pick<RewriteOptions, "playlist" | "mirrored" | "bound">): boolean {
  if (!mirrored || !playlist.stays) return false;
  return !bound || !playlist.spans.some((span) => span.type === "uri" && isPlaylistKind(span.kind));
}

/** Sealed a few at a time: one after the other waits for each, all at once holds each. */
async function headAddresses(
  heads: readonly string[],
  children: Children,
  mirrored: boolean,
): Promise<(string | undefined)[]> {
  const addresses: (string | undefined)[] = [];
  for (let i = 0; i < heads.length; i += TOGETHER) {
    const some = heads.slice(i, i + TOGETHER);
    const address = (head: string) => (mirrored && headStays(head) ? undefined : children.head(head));
    addresses.push(...(await Promise.all(some.map(address))));
  }
  return addresses;
}

/** `heads`: what stands in the place of each head. */
function applyAll(
  text: string,
  edits: readonly Edit[],
  ordinary: OrdinarySegments,
  heads: readonly (string | undefined)[],
): string {
  let out = "";
  let done = 0;
  let next = 0;
  const editsBefore = (offset: number) => {
    for (let edit = edits[next]; edit && edit.start < offset; edit = edits[++next]) {
      out += text.slice(done, edit.start) + edit.text;
      done = edit.end;
    }
  };
  ordinary.each((start, name, _end, head) => {
    const replacement = heads[head];
    if (replacement === undefined) return;
    editsBefore(start);
    out += text.slice(done, start) + replacement;
    done = name;
  });
  editsBefore(text.length);
  return out + text.slice(done);
}

/** `text` with each edit made; they are in file order and do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = "";
  let done = 0;
  for (const edit of edits) {
    out += text.slice(done, edit.start) + edit.text;
    done = edit.end;
  }
  return edits.length === 0 ? text : out + text.slice(done);
}

async function spanEdits(text: string, children: Children, options: RewriteOptions): Promise<Edit[]> {
  const offers = options.offers ? offersOf(text, options.playlist) : undefined;
  const edits: Edit[] = [];
  for (const span of options.playlist.spans) {
    const { start, end } = span;
    if (span.type !== "uri") {
      const hidden = definition(span, options.hideQuery);
      if (hidden !== undefined) edits.push({ start, end, text: hidden });
      continue;
    }
    const variables = variablesFor(span, options);
    const { uri, kind, absolute } = span;
    const found = children.address({ uri, kind, absolute, variables, rendition: offers?.get(span) });
    // Awaiting what is known already would cost a tick per line.
    const address = typeof found === "object" ? await found : found;
    const replacement = address ?? unresolved(span);
    if (replacement === undefined) continue;
    edits.push({ start, end, text: span.unquoted ? `"${replacement}"` : replacement });
  }
  return edits;
}

function offersOf(text: string, playlist: Playlist): ReadonlyMap<Span, Rendition> {
  return new Map(listOffers(text, playlist).map(({ span, rendition }) => [span, rendition]));
}

/** What the child may import: from this playlist, or as its sibling from the one that names both. */
function variablesFor({ kind, absolute }: UriSpan, { playlist, imported }: RewriteOptions): Variables {
  if (kind === "report") return imported;
  return kind === "playlist" && !absolute ? playlist.variables : NONE;
}

/** For a URI that stays: with its variables put in, as a client may read other values for them. */
function unresolved({ substituted, uri }: UriSpan): string | undefined {
  return substituted && !/["\r\n]/.test(uri) ? uri : undefined;
}

/**
 * What a client may know of a variable that it has no use for, as all URIs come with their variables put in: a name, and
 * the value only where the origin's queries are not to stay hidden.
 */
function definition(span: QueryParamSpan | ValueSpan, hideQuery: boolean): string | undefined {
  if (span.type === "value") return hideQuery ? (span.unquoted ? '""' : "") : undefined;
  const shown = hideQuery ? "" : span.value.replaceAll(/["\r\n]/g, "");
  return `NAME="${span.name}",VALUE="${shown}"`;
}
