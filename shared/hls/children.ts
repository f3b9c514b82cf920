// The public address of each child of one playlist or document. Relative children stay where a client resolves them to
// what the origin's own client would fetch; all others get an address with a sealed place. Sealing is the caller's. Pure.

import {
  addedTo,
  documentAddress,
  isDocument,
  isPlaylistKind,
  reportStays,
  staysRelative,
  tailOf,
  upwards,
} from "./address.ts";
import type { Rendition } from "./renditions.ts";
import { ChildResolver } from "./resolve.ts";
import type { ChildKind, DocumentKind } from "./tags.ts";
import { type PlaylistText, portableUri } from "./text.ts";

export type Variables = ReadonlyMap<string, string>;

/** A place below which children lie, or, with a file or an offer, where one playlist lies. */
export interface SealedPlace {
  readonly directory: string;
  readonly variables: Variables;
  /** Name and query of a playlist that no other may be had in place of. */
  readonly file?: string;
  /** Of children with an added extension: see addedTo. */
  readonly added?: string;
  /** Of a variant that other sources may have, too: name and query of its file. */
  readonly offer?: { readonly file: string; readonly rendition: Rendition };
}

/** Makes texts that only the proxy can read, the same one every time. */
export interface Seals {
  place(place: SealedPlace): Promise<string>;
  query(query: string): Promise<string>;
  document(kind: DocumentKind, url: string): Promise<string>;
}

/** What the addresses of one playlist's children depend on. */
export interface Scope {
  /** The origin's URL after redirects. */
  readonly base: string;
  readonly encoding: PlaylistText["encoding"];
  /** Segments without extension are fragmented MP4. */
  readonly fragmented: boolean;
  /** Below the public path lies what lies below the origin's: the only source, neither redirected nor steered away. */
  readonly mirrored: boolean;
  /** Playlists stand whole in their addresses: whoever has one may not ask for its neighbours. */
  readonly bound: boolean;
  readonly hideQuery: boolean;
  /** The public path behind /proxy/ch_X/. */
  readonly rest: string;
  /** The public URL up to there. */
  readonly root: string;
}

export interface Child {
  readonly uri: string;
  readonly kind: ChildKind;
  /** True where the address has to be an absolute one. */
  readonly absolute: boolean;
  /** Variables that it may import. */
  readonly variables: Variables;
  /** Present where another source may take its place. */
  readonly rendition?: Rendition | undefined;
}

const NONE: Variables = new Map();

/** Asks for each seal once. */
export class Children {
  readonly #scope: Scope;
  readonly #seals: Seals;
  readonly #resolver: ChildResolver;
  readonly #up: string;
  readonly #places = new Map<Variables, Map<string, string>>();
  readonly #queries = new Map<string, string>();

  constructor(scope: Scope, seals: Seals) {
    this.#scope = scope;
    this.#seals = seals;
    this.#resolver = new ChildResolver(scope.base);
    this.#up = upwards(scope.rest);
  }

  /** The child's address; undefined leaves it as it is written. Awaiting what is known already would cost a tick. */
  address(child: Child): string | undefined | Promise<string> {
    const { encoding, fragmented } = this.#scope;
    const uri = portableUri(child.uri, encoding);
    if (this.#stays(uri, child)) return undefined;
    const location = this.#resolver.resolve(uri);
    if (!location) return undefined;
    const { directory, name, fragment } = location;
    const prefix = child.absolute ? this.#scope.root : this.#up;
    if (isDocument(child.kind)) return this.#document(prefix, child.kind, location);
    const tail = tailOf(name, child.kind, fragmented);
    if (child.rendition || (this.#scope.bound && isPlaylistKind(child.kind))) {
      const file = location.query === undefined ? name : `${name}?${location.query}`;
      const whole = child.rendition ? { offer: { file, rendition: child.rendition } } : { file };
      const sealed = this.#seals.place({ directory, variables: child.variables, ...whole });
      return sealed.then((id) => `${prefix}b/${id}/${tail}`);
    }
    const id = this.#place(directory, child.variables, addedTo(name, tail));
    const query = location.query === undefined ? "" : this.#query(location.query);
    if (typeof id === "string" && typeof query === "string")
      return `${prefix}b/${id}/${tail}${query}${fragment}`;
    return Promise.all([id, query]).then((parts) => `${prefix}b/${parts[0]}/${tail}${parts[1]}${fragment}`);
  }

  /** What replaces the head of ordinary segments; undefined leaves them as they are. See ordinary.ts. */
  head(head: string): string | undefined | Promise<string> {
    const directory = this.#resolver.directory(portableUri(head, this.#scope.encoding));
    if (directory === undefined) return undefined;
    const id = this.#place(directory, NONE, undefined);
    return typeof id === "string" ? `${this.#up}b/${id}/` : id.then((sealed) => `${this.#up}b/${sealed}/`);
  }

  #stays(uri: string, { kind, absolute, variables, rendition }: Child): boolean {
    const { mirrored, bound } = this.#scope;
    if (!mirrored || absolute || rendition !== undefined || variables.size > 0) return false;
    if (bound && isPlaylistKind(kind)) return false;
    return staysRelative(uri, kind) || (kind === "report" && reportStays(uri, this.#scope.rest));
  }

  #document(
    prefix: string,
    kind: DocumentKind,
    { directory, name, query }: { directory: string; name: string; query: string | undefined },
  ): Promise<string> {
    const url = directory + name + (query === undefined ? "" : `?${query}`);
    return this.#seals.document(kind, url).then((id) => prefix + documentAddress(kind, id));
  }

  #place(directory: string, variables: Variables, added: string | undefined): string | Promise<string> {
    const places = this.#places.get(variables) ?? new Map<string, string>();
    this.#places.set(variables, places);
    const key = added === undefined ? directory : `${directory} ${added}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    return this.#seals.place({ directory, variables, ...(added !== undefined && { added }) }).then((id) => {
      places.set(key, id);
      return id;
    });
  }

  #query(query: string): string | Promise<string> {
    if (!this.#scope.hideQuery) return `?${query}`;
    const known = this.#queries.get(query);
    if (known !== undefined) return known;
    return this.#seals.query(query).then((sealed) => {
      this.#queries.set(query, `?q=${sealed}`);
      return `?q=${sealed}`;
    });
  }
}
