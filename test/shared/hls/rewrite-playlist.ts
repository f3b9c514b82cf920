// Rewrites a playlist the way the Worker does, with seals that can be read: `[https://o.example/live/]`.

import { Children, type Scope, type Seals } from "../../../shared/hls/children.ts";
import { rewritePlaylist } from "../../../shared/hls/rewrite.ts";
import { scanPlaylist } from "../../../shared/hls/scan.ts";
import type { VariableSources } from "../../../shared/hls/variables.ts";

export interface RewriteOptions extends Partial<Omit<Scope, "fragmented" | "base">> {
  readonly url: string;
  readonly sources?: VariableSources;
  readonly offers?: boolean;
  readonly seals?: Seals;
}

export const READABLE: Seals = {
  async place({ directory, variables, offer, file = "" }) {
    const names = [...variables].map(([name, value]) => `{${name}=${value}}`).join("");
    return `[${directory}${file}${offer ? `${offer.file} ${offer.rendition.t}` : ""}]${names}`;
  },
  query: async (query) => `[${query}]`,
  document: async (_kind, url) => `[${url}]`,
};

const NO_SOURCES: VariableSources = { query: "", imported: new Map() };

export function rewrite(text: string, options: RewriteOptions): Promise<string> {
  const sources = options.sources ?? NO_SOURCES;
  const playlist = scanPlaylist(text, sources);
  const scope: Scope = {
    base: options.url,
    encoding: options.encoding ?? "utf-8",
    fragmented: playlist.fragmented,
    mirrored: options.mirrored ?? true,
    bound: options.bound ?? false,
    hideQuery: options.hideQuery ?? true,
    rest: options.rest ?? "stream.m3u8",
    root: options.root ?? "ABS:",
  };
  return rewritePlaylist(text, new Children(scope, options.seals ?? READABLE), {
    playlist,
    mirrored: scope.mirrored,
    bound: scope.bound,
    hideQuery: scope.hideQuery,
    imported: sources.imported,
    offers: options.offers ?? false,
  });
}
